/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nt_types.h - the NT structures that our service rows read and write, as the 64-bit ABI lays
 * them out. Sources: the Microsoft pages named beside them. Kept apart from Wine's headers so
 * that the same code is built against every version of Wine.
 */
#ifndef PWK_NT_TYPES_H
#define PWK_NT_TYPES_H

#include <stdint.h>

typedef uint32_t ntstatus;
typedef uint64_t nt_handle;

#define NT_CURRENT_PROCESS ((nt_handle)-1)

/* "UNICODE_STRING structure (ntdef.h)" */
struct unicode_string {
    uint16_t length; /* bytes */
    uint16_t maximum_length;
    uint16_t *buffer;
};

/* "OBJECT_ATTRIBUTES structure (ntdef.h)" */
struct object_attributes {
    uint32_t length;
    nt_handle root_directory;
    struct unicode_string *object_name;
    uint32_t attributes;
    void *security_descriptor;
    void *security_quality_of_service;
};
_Static_assert(sizeof(struct object_attributes) == 48, "OBJECT_ATTRIBUTES");

enum object_attribute {
    OBJ_INHERIT = 0x2,
    OBJ_OPENLINK = 0x100,
};

/* "Registry Key Security and Access Rights" */
enum key_access {
    KEY_QUERY_VALUE = 0x1,
    KEY_SET_VALUE = 0x2,
    KEY_CREATE_SUB_KEY = 0x4,
    KEY_ENUMERATE_SUB_KEYS = 0x8,
    KEY_NOTIFY = 0x10,
    KEY_WOW64_VIEWS = 0x300,
    ACCESS_DELETE = 0x10000,
    ACCESS_READ_CONTROL = 0x20000,
    ACCESS_WRITE_DAC = 0x40000,
    ACCESS_WRITE_OWNER = 0x80000,
    ACCESS_SYSTEM_SECURITY = 0x1000000,
    ACCESS_SYNCHRONIZE = 0x100000,
    KEY_READ_RIGHTS = 0x20019,
    KEY_EXECUTE_RIGHTS = 0x20039,
    KEY_WRITE_RIGHTS = 0x20006,
    KEY_ALL_RIGHTS = 0xf003f,
    ACCESS_MAXIMUM_ALLOWED = 0x2000000,
    ACCESS_GENERIC_ALL = 0x10000000,
    ACCESS_GENERIC_EXECUTE = 0x20000000,
    ACCESS_GENERIC_WRITE = 0x40000000,
    ACCESS_GENERIC_READ = (int)0x80000000,
};

/* "ZwCreateKey function (wdm.h)", "ZwOpenKeyEx function (wdm.h)" */
enum key_option {
    REG_OPTION_VOLATILE = 0x1,
    REG_OPTION_CREATE_LINK = 0x2,
    REG_OPTION_BACKUP_RESTORE = 0x4,
    REG_OPEN_OPTIONS = 0x1c,   /* all that may be given: BACKUP_RESTORE, OPEN_LINK, */
    REG_CREATE_OPTIONS = 0x1f, /* DONT_VIRTUALIZE; and with creation the two above */
};
enum key_disposition { REG_CREATED_NEW_KEY = 1, REG_OPENED_EXISTING_KEY = 2 };

/* "KEY_INFORMATION_CLASS enumeration (wdm.h)" and the structures it names */
enum key_information_class {
    KeyBasicInformation,
    KeyNodeInformation,
    KeyFullInformation,
    KeyNameInformation,
    KeyCachedInformation,
    KeyFlagsInformation,
    KeyVirtualizationInformation,
    KeyHandleTagsInformation,
    KeyTrustInformation,
    KeyLayerInformation,
};

struct key_basic_information {
    uint64_t last_write_time;
    uint32_t title_index;
    uint32_t name_length;
};

struct key_node_information {
    uint64_t last_write_time;
    uint32_t title_index;
    uint32_t class_offset;
    uint32_t class_length;
    uint32_t name_length;
};

struct key_full_information {
    uint64_t last_write_time;
    uint32_t title_index;
    uint32_t class_offset;
    uint32_t class_length;
    uint32_t subkeys;
    uint32_t max_name_length;
    uint32_t max_class_length;
    uint32_t values;
    uint32_t max_value_name_length;
    uint32_t max_value_data_length;
};

struct key_cached_information {
    uint64_t last_write_time;
    uint32_t title_index;
    uint32_t subkeys;
    uint32_t max_name_length;
    uint32_t values;
    uint32_t max_value_name_length;
    uint32_t max_value_data_length;
    uint32_t name_length;
};

/* KEY_FLAGS_INFORMATION, as the headers of System Informer (phnt) have it */
struct key_flags_information {
    uint32_t user_flags;
    uint32_t key_flags; /* 1: volatile, 2: a symbolic link */
    uint32_t control_flags;
};

/* "KEY_VIRTUALIZATION_INFORMATION structure (wdm.h)" */
enum key_virtualization {
    VIRTUALIZATION_CANDIDATE = 0x1,
    VIRTUAL_TARGET = 0x4, /* and two more bits, in the order in which they are set */
};

/* The sizes of the fixed parts: the offsets of what follows, not sizeof with its padding. */
#define KEY_BASIC_FIXED 16u
#define KEY_NODE_FIXED 24u
#define KEY_FULL_FIXED 44u
#define KEY_NAME_FIXED 4u
#define KEY_CACHED_FIXED 40u

/* "KEY_VALUE_INFORMATION_CLASS enumeration (wdm.h)" */
enum key_value_information_class {
    KeyValueBasicInformation,
    KeyValueFullInformation,
    KeyValuePartialInformation,
    KeyValueFullInformationAlign64,
    KeyValuePartialInformationAlign64,
    KeyValueLayerInformation,
};

struct key_value_basic_information {
    uint32_t title_index;
    uint32_t type;
    uint32_t name_length;
};

struct key_value_full_information {
    uint32_t title_index;
    uint32_t type;
    uint32_t data_offset;
    uint32_t data_length;
    uint32_t name_length;
};

struct key_value_partial_information_align64 {
    uint32_t type;
    uint32_t data_length;
};

struct key_value_partial_information {
    uint32_t title_index;
    uint32_t type;
    uint32_t data_length;
};

/* "RegSaveKeyEx function (winreg.h)", "RegRestoreKey function (winreg.h)", winnt.h */
enum hive_format {
    REG_STANDARD_FORMAT = 1,
    REG_LATEST_FORMAT = 2,
    REG_NO_COMPRESSION = 4,
};
enum hive_flag {
    REG_NO_LAZY_FLUSH = 0x4,
    REG_FORCE_RESTORE = 0x8,
    REG_APP_HIVE = 0x10,
    REG_PROCESS_PRIVATE = 0x20,
    REG_LOAD_HIVE_OPEN_HANDLE = 0x800,
    REG_OPEN_READ_ONLY = 0x2000,
    REG_IMMUTABLE = 0x4000,
    REG_LOAD_FLAGS = 0xfff4, /* all that loading takes; the others say how a file is written */
    REG_FORCE_UNLOAD = 1,    /* of NtUnloadKey2 */
};

#define EVENT_MODIFY_STATE 0x2u

/* "NtQueryObject function (winternl.h)" */
enum object_information_class {
    ObjectBasicInformation,
    ObjectNameInformation,
    ObjectTypeInformation,
    ObjectTypesInformation,
    ObjectHandleFlagInformation,
};

struct object_basic_information {
    uint32_t attributes;
    uint32_t granted_access;
    uint32_t handle_count;
    uint32_t pointer_count;
    uint32_t paged_pool_usage;
    uint32_t non_paged_pool_usage;
    uint32_t reserved[3];
    uint32_t name_information_length;
    uint32_t type_information_length;
    uint32_t security_descriptor_length;
    uint64_t create_time;
};
_Static_assert(sizeof(struct object_basic_information) == 56, "OBJECT_BASIC_INFORMATION");

struct object_type_information {
    struct unicode_string type_name;
    uint32_t usage[12]; /* counts and pools */
    uint32_t invalid_attributes;
    uint32_t generic_read, generic_write, generic_execute, generic_all;
    uint32_t valid_access;
    uint32_t reserved[4];
};
_Static_assert(sizeof(struct object_type_information) == 104, "OBJECT_TYPE_INFORMATION");

struct object_handle_flag_information {
    uint8_t inherit;
    uint8_t protect_from_close;
};

/* "ZwDuplicateObject function (ntifs.h)" */
enum duplicate_option {
    DUPLICATE_CLOSE_SOURCE = 1,
    DUPLICATE_SAME_ACCESS = 2,
    DUPLICATE_SAME_ATTRIBUTES = 4,
};

/* PS_ATTRIBUTE_LIST, as phnt's ntpsapi.h documents it; "UpdateProcThreadAttribute function" */
enum ps_attribute_number {
    PS_ATTRIBUTE_HANDLE_LIST = 0x2000b,
    PS_ATTRIBUTE_PARENT_PROCESS = 0x60000,
};

struct ps_attribute {
    uint64_t number;
    uint64_t size;  /* bytes at `value` */
    uint64_t value; /* or a pointer to it */
    uint64_t return_length;
};
_Static_assert(sizeof(struct ps_attribute) == 32, "PS_ATTRIBUTE");

struct ps_attribute_list {
    uint64_t total_length; /* bytes, this field among them */
    struct ps_attribute attributes[];
};

#define PROCESS_CREATE_FLAGS_INHERIT_HANDLES 0x4u

/* "KEY_VALUE_ENTRY structure (winreg.h)", the entries of NtQueryMultipleValueKey */
struct key_value_entry {
    struct unicode_string *name;
    uint32_t data_length;
    uint32_t data_offset;
    uint32_t type;
};
_Static_assert(sizeof(struct key_value_entry) == 24, "KEY_VALUE_ENTRY");

/* "IO_STATUS_BLOCK structure (wdm.h)" */
struct io_status_block {
    uint64_t status;
    uint64_t information;
};

/* "KEY_SET_INFORMATION_CLASS enumeration (wdm.h)" */
enum key_set_information_class {
    KeyWriteTimeInformation,
    KeyWow64FlagsInformation,
    KeyControlFlagsInformation,
    KeySetVirtualizationInformation,
    KeySetDebugInformation,
    KeySetHandleTagsInformation,
    KeySetLayerInformation,
};

#define MEM_COMMIT 0x1000u
#define MEM_RESERVE 0x2000u
/* "Memory Protection Constants": those with which code can run. */
#define PAGE_EXECUTE_ANY 0xf0u

#endif
