# SPDX-License-Identifier: LGPL-2.1-or-later
# The rooms of unixlib: kernel, sandbox, nt, wine and launcher, and what is linked out of them.
noinst_LIBRARIES += libkernel.a libsandbox.a libattach.a libsession.a libnt.a libwineroom.a liblauncher.a

include_pwkdir = $(includedir)/pwk
include_pwk_HEADERS = unixlib/include/pwk/process_kernel.h \
	unixlib/include/pwk/windows_process_kernel.h

libkernel_a_SOURCES = \
	unixlib/kernel/error.h unixlib/kernel/error.c \
	unixlib/kernel/profile.h unixlib/kernel/profile_internal.h unixlib/kernel/profile.c \
	unixlib/kernel/profile_read.c unixlib/kernel/words.c unixlib/kernel/cage_words.c \
	unixlib/kernel/profile_desktop.c \
	unixlib/kernel/syscall_rules.c \
	unixlib/kernel/boot_record.h unixlib/kernel/boot_record.c \
	unixlib/kernel/windows_build.h unixlib/kernel/windows_build.c \
	unixlib/kernel/state.h unixlib/kernel/state.c unixlib/kernel/utf8.h \
	unixlib/kernel/remove_tree.h unixlib/kernel/remove_tree.c \
	unixlib/kernel/process_table.h unixlib/kernel/process_table_internal.h \
	unixlib/kernel/process_table.c unixlib/kernel/process_slots.c \
	unixlib/kernel/process_address.c unixlib/kernel/process_status.h unixlib/kernel/process_status.c \
	unixlib/kernel/audit.h unixlib/kernel/audit_internal.h unixlib/kernel/audit.c \
	unixlib/kernel/audit_ring.h unixlib/kernel/audit_ring.c \
	unixlib/kernel/audit_text.h unixlib/kernel/audit_text.c unixlib/kernel/number_text.h \
	unixlib/kernel/audit_log.h unixlib/kernel/audit_log.c \
	unixlib/kernel/audit_drain.c unixlib/kernel/audit_rings.c unixlib/kernel/audit_thread.c \
	unixlib/kernel/audit_collector.c \
	unixlib/kernel/process_kernel_internal.h unixlib/kernel/process_kernel.c \
	unixlib/kernel/attach.c unixlib/kernel/memory_limiter.c \
	unixlib/kernel/syscall_handlers.h unixlib/kernel/syscall_handlers.c \
	unixlib/kernel/bound_callbacks.h unixlib/kernel/bound_callbacks.c \
	unixlib/kernel/windows_process_kernel.c unixlib/kernel/prefix_registry.h \
	unixlib/kernel/prefix_registry.c \
	unixlib/kernel/prefix_layer.h unixlib/kernel/prefix_layer.c unixlib/kernel/prefix_watcher.c \
	unixlib/kernel/prefix_files.h unixlib/kernel/prefix_files.c \
	unixlib/kernel/prefix_changes.h unixlib/kernel/prefix_changes.c

libsandbox_a_SOURCES = \
	unixlib/sandbox/sigsys.h unixlib/sandbox/sigsys.c \
	unixlib/sandbox/trap.h unixlib/sandbox/trap.c \
	unixlib/sandbox/call_site.h unixlib/sandbox/call_site.c \
	unixlib/sandbox/user_map.h unixlib/sandbox/user_map.c \
	unixlib/sandbox/trapped_call.h unixlib/sandbox/trapped_call.c \
	unixlib/sandbox/raw_syscall.c \
	unixlib/sandbox/process_memory.h unixlib/sandbox/process_memory.c \
	unixlib/sandbox/notify_loop.h unixlib/sandbox/notify_loop.c \
	unixlib/sandbox/policy_guard.h unixlib/sandbox/policy_guard.c \
	unixlib/sandbox/policy_built_in.h unixlib/sandbox/policy_built_in.c \
	unixlib/sandbox/policy_arm.h unixlib/sandbox/policy_arm.c \
	unixlib/sandbox/policy_install.h unixlib/sandbox/policy_page.c \
	unixlib/sandbox/policy_boot.h unixlib/sandbox/policy_boot.c \
	unixlib/sandbox/mark.h unixlib/sandbox/mark.c \
	unixlib/sandbox/server_policy.h unixlib/sandbox/server_policy.c

# The part of the sandbox that builds filters, for native programs and pwkctl: pwk.so goes without
# it, since each library that a Windows program's start has to load takes time.
libattach_a_SOURCES = \
	unixlib/sandbox/call_filter.h unixlib/sandbox/call_filter.c \
	unixlib/sandbox/own_process.h unixlib/sandbox/own_process.c unixlib/sandbox/signal_guard.c \
	unixlib/sandbox/inject.h unixlib/sandbox/inject.c \
	unixlib/sandbox/data_limit.h unixlib/sandbox/data_limit.c \
	unixlib/sandbox/tracee.h unixlib/sandbox/tracee.c \
	unixlib/sandbox/keeper.h unixlib/sandbox/keeper.c \
	unixlib/sandbox/process_namespace.c \
	unixlib/sandbox/supervise.h unixlib/sandbox/supervise.c unixlib/sandbox/attach_ops.c

# Own sessions: for the launcher, pwkctl and native programs, as above.
libsession_a_SOURCES = \
	unixlib/sandbox/session.h unixlib/sandbox/session_internal.h unixlib/sandbox/session.c \
	unixlib/sandbox/session_join.c unixlib/sandbox/session_hold.c \
	unixlib/sandbox/session_known.h unixlib/sandbox/session_known.c \
	unixlib/sandbox/session_held.h unixlib/sandbox/session_held.c \
	unixlib/sandbox/session_shown.h unixlib/sandbox/session_shown.c \
	unixlib/sandbox/view_shown.h unixlib/sandbox/view_shown.c \
	unixlib/sandbox/session_limits.h unixlib/sandbox/session_limits.c \
	unixlib/sandbox/cgroup.h unixlib/sandbox/cgroup.c \
	unixlib/sandbox/process_usage.h unixlib/sandbox/process_usage.c \
	unixlib/sandbox/governor.h unixlib/sandbox/governor.c \
	unixlib/sandbox/session_numbers.h unixlib/sandbox/session_numbers.c \
	unixlib/sandbox/session_orphans.h unixlib/sandbox/session_orphans.c \
	unixlib/sandbox/walls.h \
	unixlib/sandbox/view.h unixlib/sandbox/view.c \
	unixlib/sandbox/view_mounts.h unixlib/sandbox/view_mounts.c \
	unixlib/sandbox/view_home.h unixlib/sandbox/view_home.c \
	unixlib/sandbox/view_devices.h unixlib/sandbox/view_devices.c \
	unixlib/sandbox/desktop.h unixlib/sandbox/desktop.c \
	unixlib/sandbox/view_desktop.h unixlib/sandbox/view_desktop.c \
	unixlib/sandbox/call_wall.h unixlib/sandbox/call_wall.c unixlib/sandbox/filter_values.h \
	unixlib/sandbox/loopback.h unixlib/sandbox/loopback.c \
	unixlib/sandbox/privileges.h unixlib/sandbox/privileges.c

# What pwkctl lays on itself before it reads what a program may have written.
noinst_LIBRARIES += libconfine.a
libconfine_a_SOURCES = unixlib/sandbox/confine.h unixlib/sandbox/confine.c \
	unixlib/sandbox/confine_calls.h unixlib/sandbox/confine_calls.c \
	unixlib/sandbox/landlock.h unixlib/sandbox/landlock.c

# The Linux policy's words and its compiler: the launcher's, and so is libseccomp. The built-in
# policies are compiled by the build.
noinst_LIBRARIES += libpolicy.a
libpolicy_a_SOURCES = unixlib/sandbox/policy.h unixlib/sandbox/policy_groups.c \
	unixlib/sandbox/policy_lay.h unixlib/sandbox/policy_lay.c \
	unixlib/sandbox/policy_resolve.c unixlib/sandbox/policy_compile.c \
	unixlib/sandbox/policy_supervisor.h unixlib/sandbox/policy_supervisor.c \
	unixlib/sandbox/call_arguments.h unixlib/sandbox/call_arguments.c
noinst_PROGRAMS += generate_policy
generate_policy_SOURCES = unixlib/sandbox/generate_policy.c
generate_policy_LDADD = libpolicy.a libkernel.a $(SECCOMP_LIBS)
unixlib/sandbox/policy_built_in.$(OBJEXT): policy_tables.h
policy_tables.h: generate_policy$(EXEEXT)
	$(AM_V_GEN)./generate_policy$(EXEEXT) > $@.new && mv $@.new $@
CLEANFILES += policy_tables.h
POLICY_LIBS = libpolicy.a libsandbox.a

libnt_a_SOURCES = \
	unixlib/nt/windows_numbers.h unixlib/nt/windows_numbers.def unixlib/nt/windows_numbers.c \
	unixlib/nt/nt_types.h unixlib/nt/nt_status.h unixlib/nt/status.c \
	unixlib/nt/services.def unixlib/nt/services.h unixlib/nt/services.c \
	unixlib/nt/personality.h unixlib/nt/personality.c unixlib/nt/dispatch.c \
	unixlib/nt/copy.h unixlib/nt/copy.c unixlib/nt/adopt.h unixlib/nt/adopt.c \
	unixlib/nt/guard.h unixlib/nt/privilege.h unixlib/nt/privilege.c \
	unixlib/nt/peer.h unixlib/nt/peer.c unixlib/nt/duplicate.c unixlib/nt/bequest.h \
	unixlib/nt/bequest.c \
	unixlib/nt/object.c unixlib/nt/key_path.h unixlib/nt/key_path.c \
	unixlib/nt/key.c unixlib/nt/key_query.c unixlib/nt/key_change.c unixlib/nt/value.c \
	unixlib/nt/security_descriptor.h unixlib/nt/security_descriptor.c \
	unixlib/nt/security_inherit.h unixlib/nt/security_inherit.c \
	unixlib/nt/key_access.h unixlib/nt/key_access.c \
	unixlib/nt/key_creation.h unixlib/nt/key_creation.c \
	unixlib/nt/hive.c unixlib/nt/key_security.c unixlib/nt/notify.h unixlib/nt/notify.c \
	unixlib/nt/transaction.h unixlib/nt/transaction.c \
	unixlib/nt/transaction_object.h unixlib/nt/transaction_object.c \
	unixlib/nt/hive_file.h unixlib/nt/hive_file.c unixlib/nt/hive_mount.h unixlib/nt/hive_mount.c unixlib/nt/hive_save.c unixlib/nt/hive_query.c unixlib/nt/key_protect.h unixlib/nt/key_protect.c \
	unixlib/nt/native_line.h unixlib/nt/native_line.c \
	unixlib/nt/code_change.h unixlib/nt/code_change.c unixlib/nt/memory.c unixlib/nt/section.c \
	unixlib/nt/network.h unixlib/nt/network.c unixlib/nt/file.c unixlib/nt/process.c \
	unixlib/nt/version.h unixlib/nt/version.c

libwineroom_a_SOURCES = \
	unixlib/wine/location.h unixlib/wine/location.c \
	unixlib/wine/stub_numbers.h unixlib/wine/stub_numbers.c \
	unixlib/wine/number_translation.h unixlib/wine/number_translation.c \
	unixlib/wine/own_services.h unixlib/wine/own_services.c \
	unixlib/wine/service_table.h unixlib/wine/service_table.c \
	unixlib/wine/calling_convention.h unixlib/wine/calling_convention.c \
	unixlib/wine/snapshot.h unixlib/wine/snapshot.c \
	unixlib/wine/server_lock.h unixlib/wine/server_lock.c \
	unixlib/wine/server_start.h unixlib/wine/server_start.c \
	unixlib/wine/prefix_watch.h unixlib/wine/prefix_watch.c \
	unixlib/wine/prefix_write.h unixlib/wine/prefix_write.c \
	unixlib/wine/server_key.h unixlib/wine/server_key.c \
	unixlib/wine/birth.h unixlib/wine/birth.c \
	unixlib/wine/native_numbers.h unixlib/wine/native_numbers.c \
	unixlib/wine/native_calls.h unixlib/wine/native_calls.c \
	unixlib/wine/native_sites.h unixlib/wine/native_sites.c \
	unixlib/wine/inner_calls.h unixlib/wine/inner_calls.c \
	unixlib/wine/image_exports.h unixlib/wine/image_exports.c \
	unixlib/wine/socket_controls.h unixlib/wine/socket_controls.c \
	unixlib/wine/boot.h unixlib/wine/boot.c \
	unixlib/wine/service_call.h unixlib/wine/service_call.c \
	unixlib/unixlib.h unixlib/wine/unix_calls.c

# The warm way of NtQueryValueKey, in three rooms: no vector register in any of it (warm_row.c).
noinst_LIBRARIES += libwarm.a
libwarm_a_SOURCES = registry/warm_value.c \
	unixlib/nt/handle_table.h unixlib/nt/handle_table.c \
	unixlib/nt/warm_value.h unixlib/nt/warm_value.c \
	unixlib/wine/warm_row.h unixlib/wine/warm_row.c
libwarm_a_CFLAGS = $(AM_CFLAGS) -mgeneral-regs-only

liblauncher_a_SOURCES = \
	unixlib/launcher/arguments.h unixlib/launcher/arguments.c \
	unixlib/launcher/program.h unixlib/launcher/program.c \
	unixlib/launcher/program_place.c \
	unixlib/launcher/prefix.h unixlib/launcher/prefix.c \
	unixlib/launcher/ephemeral.h unixlib/launcher/ephemeral.c \
	unixlib/launcher/detached.h unixlib/launcher/detached.c \
	unixlib/launcher/below.h unixlib/launcher/below.c \
	unixlib/launcher/follower.h unixlib/launcher/follower.c \
	unixlib/launcher/supervisor.h unixlib/launcher/supervisor.c \
	unixlib/launcher/second_log.h unixlib/launcher/second_log.c \
	unixlib/launcher/plan.h unixlib/launcher/plan.c unixlib/launcher/plan_internal.h \
	unixlib/launcher/plan_cage.c unixlib/launcher/plan_desktop.c unixlib/launcher/plan_print.c unixlib/launcher/execute.c \
	unixlib/launcher/facts.h unixlib/launcher/facts.c \
	unixlib/launcher/windows_library.h unixlib/launcher/windows_library.c \
	unixlib/launcher/control.h unixlib/launcher/control_common.c \
	unixlib/launcher/control_registry.c \
	unixlib/launcher/control_session.h unixlib/launcher/control_session.c \
	unixlib/launcher/control_apart.h unixlib/launcher/control_apart.c \
	unixlib/launcher/control_export.c unixlib/launcher/control_import.c \
	unixlib/launcher/control_diff.c unixlib/launcher/control_registry_commit.c \
	unixlib/launcher/control_left.c \
	unixlib/launcher/registry_sides.h unixlib/launcher/registry_sides.c \
	unixlib/launcher/registry_told.h unixlib/launcher/registry_told.c \
	unixlib/launcher/registry_report.h unixlib/launcher/registry_report.c \
	unixlib/launcher/registry_commit.h unixlib/launcher/registry_commit.c \
	unixlib/launcher/commit_writer.h unixlib/launcher/commit_writer.c \
	unixlib/launcher/commit_message.h \
	unixlib/launcher/commit_choice.h unixlib/launcher/commit_choice.c \
	unixlib/launcher/attached.h unixlib/launcher/attached.c \
	unixlib/launcher/attach_supervisor.h unixlib/launcher/attach_supervisor.c \
	unixlib/launcher/control_attach.c \
	unixlib/launcher/control_json.h unixlib/launcher/control_json.c \
	unixlib/launcher/control_check.c \
	unixlib/launcher/audit_view.h unixlib/launcher/audit_view.c \
	unixlib/launcher/control_audit.h unixlib/launcher/control_audit.c \
	unixlib/launcher/files_open.h unixlib/launcher/files_open.c \
	unixlib/launcher/files_layer.h unixlib/launcher/files_layer.c \
	unixlib/launcher/files_compare.c \
	unixlib/launcher/files_commit.h unixlib/launcher/files_commit.c \
	unixlib/launcher/files_copy.h unixlib/launcher/files_copy.c \
	unixlib/launcher/files_clean.c \
	unixlib/launcher/control_files.h unixlib/launcher/control_files.c \
	unixlib/launcher/control_files_json.h unixlib/launcher/control_files_show.c \
	unixlib/launcher/control_files_list.c \
	unixlib/launcher/learn.h unixlib/launcher/learn.c unixlib/launcher/control_profile.c \
	unixlib/launcher/registry_tree.h unixlib/launcher/registry_tree.c \
	unixlib/launcher/registry_data.h unixlib/launcher/registry_data.c \
	unixlib/launcher/control_places.c unixlib/launcher/control_kernels.h unixlib/launcher/control_kernels.c \
	unixlib/launcher/control_kernels_all.c \
	unixlib/launcher/doctor.h unixlib/launcher/doctor.c unixlib/launcher/doctor_cage.c

bin_PROGRAMS += pwk-wine pwkctl
pwk_wine_SOURCES = unixlib/launcher/pwk_wine.c
pwk_wine_LDFLAGS = $(AM_LDFLAGS) $(STATIC_LAUNCHER)
pwk_wine_LDADD = liblauncher.a libsession.a $(POLICY_LIBS) libkernel.a libwineroom_location.a \
	libregistry.a $(INIH_LIBS) $(SECCOMP_LIBS)
pwkctl_SOURCES = unixlib/launcher/pwkctl.c
pwkctl_LDADD = liblauncher.a libconfine.a libsession.a libattach.a $(POLICY_LIBS) libkernel.a libwineroom_location.a \
	libregistry.a $(CORE_LIBS) $(SECCOMP_LIBS)

# The launcher needs Wine's place and the check of its service table, not the takeover.
noinst_LIBRARIES += libwineroom_location.a
libwineroom_location_a_SOURCES = unixlib/wine/location.c unixlib/wine/stub_numbers.c \
	unixlib/wine/server_lock.c

# The loader is the program that every process of a kernel runs.
loaderdir = $(pkglibdir)/loader/x86_64
loader_PROGRAMS = pwk/loader/x86_64/pwk-loader64 pwk/loader/x86_64/wineserver
pwk_loader_x86_64_pwk_loader64_SOURCES = unixlib/wine/loader.c \
	unixlib/wine/unix_services.h unixlib/wine/unix_services.c \
	unixlib/wine/names.h unixlib/wine/names.c \
	unixlib/wine/thread_start.h unixlib/wine/thread_start.c \
	unixlib/wine/server_connect.h unixlib/wine/server_connect.c \
	unixlib/wine/server_end.h unixlib/wine/server_end.c \
	unixlib/wine/fault_signals.h unixlib/wine/fault_signals.c \
	unixlib/wine/abandoned_call.h unixlib/wine/abandoned_call.c \
	unixlib/wine/bus_error.h unixlib/wine/bus_error.c \
	unixlib/wine/layout.h unixlib/wine/layout.c \
	unixlib/sandbox/mark.h unixlib/sandbox/mark.c
pwk_loader_x86_64_pwk_loader64_CPPFLAGS = $(AM_CPPFLAGS)
pwk_loader_x86_64_pwk_loader64_LDFLAGS = $(AM_LDFLAGS) -Wl,-export-dynamic
pwk_loader_x86_64_pwk_loader64_LDADD = -ldl

# Beside the loader Wine looks for its server first.
pwk_loader_x86_64_wineserver_SOURCES = unixlib/wine/server_entry.c
pwk_loader_x86_64_wineserver_LDFLAGS = $(AM_LDFLAGS) $(STATIC_LAUNCHER)
pwk_loader_x86_64_wineserver_LDADD = libwineroom_location.a libsandbox.a libkernel.a

# pwk.so: the kernel as Wine's Unix library; libpwk.so: the same for native programs.
CORE_ARCHIVES = libsandbox.a libkernel.a libregistry.a
unixsodir = $(pkglibdir)/x86_64-unix
unixso_DATA = pwk/x86_64-unix/pwk.so
pwk/x86_64-unix/pwk.so: libwineroom.a libnt.a libwarm.a $(CORE_ARCHIVES)
	@$(MKDIR_P) pwk/x86_64-unix
	$(AM_V_CCLD)$(CC) $(AM_CFLAGS) $(CFLAGS) -shared -Wl,--no-undefined -o $@ $(AM_LDFLAGS) $(LDFLAGS) \
		-Wl,--whole-archive libwineroom.a libnt.a libwarm.a libsandbox.a libkernel.a -Wl,--no-whole-archive \
		libregistry.a -Wl,-z,now -Wl,-z,text $(KERNEL_LIBS) -ldl -lrt

LIBPWK_MAJOR = 0
nativesodir = $(libdir)
nativeso_DATA = libpwk.so.$(LIBPWK_MAJOR)
libpwk.so.$(LIBPWK_MAJOR): libattach.a libpolicy.a $(CORE_ARCHIVES)
	$(AM_V_CCLD)$(CC) $(AM_CFLAGS) $(CFLAGS) -shared -Wl,--no-undefined -o $@ -Wl,-soname,$@ $(AM_LDFLAGS) \
		$(LDFLAGS) -Wl,--whole-archive libattach.a libsandbox.a libkernel.a -Wl,--no-whole-archive \
		libpolicy.a libregistry.a $(SECCOMP_LIBS) $(CORE_LIBS)
	@$(LN_S) -f $@ libpwk.so
pkgconfig_DATA += unixlib/pwk.pc
CLEANFILES += pwk/x86_64-unix/pwk.so libpwk.so.$(LIBPWK_MAJOR) libpwk.so

# Wine finds its data relative to the loader's folder.
all-local: pwk/share/wine
pwk/share/wine:
	@$(MKDIR_P) pwk/share
	@$(LN_S) -f $(wine_datadir) $@
install-data-hook:
	$(MKDIR_P) $(DESTDIR)$(pkglibdir)/share
	rm -f $(DESTDIR)$(pkglibdir)/share/wine
	$(LN_S) $(wine_datadir) $(DESTDIR)$(pkglibdir)/share/wine
	$(LN_S) -f libpwk.so.$(LIBPWK_MAJOR) $(DESTDIR)$(libdir)/libpwk.so
	chmod 755 $(DESTDIR)$(unixsodir)/pwk.so
uninstall-hook:
	rm -f $(DESTDIR)$(pkglibdir)/share/wine $(DESTDIR)$(libdir)/libpwk.so
clean-local:
	rm -f pwk/share/wine
