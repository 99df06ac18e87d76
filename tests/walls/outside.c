/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * outside.c - what there is outside a session for the attempts to reach: files, sockets, a
 * terminal, a process, IPC objects and a key, each named in the environment. All of it goes again
 * with the command.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt.h"

#define MAX_MADE 32
#define MAX_LISTENERS 16

static char made[MAX_MADE][512]; /* paths to remove, the last first */
static int made_count;
static int listeners[MAX_LISTENERS], listener_count;

static void die(const char *what)
{
    fprintf(stderr, "escape: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void set_number(const char *name, int number)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", number);
    setenv(name, text, 1);
}

static const char *remember(const char *name, const char *path)
{
    if (made_count == MAX_MADE || strlen(path) >= sizeof(made[0]))
        exit(2);
    strcpy(made[made_count++], path);
    if (name)
        setenv(name, path, 1);
    return path;
}

static void make_secret(const char *name, const char *format, const char *folder)
{
    char path[512];
    int fd;

    snprintf(path, sizeof(path), format, folder, (int)getpid());
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || write(fd, SECRET, sizeof(SECRET) - 1) != sizeof(SECRET) - 1)
        die(path);
    close(fd);
    remember(name, path);
}

static void make_folder(const char *path)
{
    if (mkdir(path, 0700) == 0)
        remember(NULL, path);
    else if (errno != EEXIST)
        die(path);
}

static void make_listener(const char *variable, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

    if (strlen(name) >= sizeof(address.sun_path))
        exit(2);
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    else
        size++;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 16) < 0)
        die(name);
    if (name[0] != '@')
        remember(NULL, name);
    setenv(variable, name, 1);
    listeners[listener_count++] = fd;
}

/* In a folder whose path may be too long for an address. */
static void make_listener_in(const char *folder, const char *variable, const char *name)
{
    int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char path[512];

    if (before < 0 || chdir(folder) < 0)
        die(folder);
    make_listener(variable, name);
    made_count--;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    remember(variable, path);
    if (fchdir(before) < 0)
        die("the current folder");
    close(before);
}

/* What a session is led to by the environment, and reaches where its profile says so. */
static void make_desktop(const char *folder)
{
    unsigned long display = 70000 + (unsigned long)getpid() % 50000;
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char name[128];

    snprintf(name, sizeof(name), "/tmp/.X11-unix/X%lu", display);
    make_listener("OUTSIDE_OWN_DISPLAY_SOCKET", name);
    snprintf(name, sizeof(name), ":%lu", display);
    setenv("DISPLAY", name, 1);
    snprintf(name, sizeof(name), "/tmp/escape-sound-%d", (int)getpid());
    make_listener("OUTSIDE_SOUND", name);
    setenv("PULSE_SERVER", name, 1);
    make_listener_in(folder, "CUPS_SERVER", "printing");
    if (!runtime)
        exit(2);
    make_listener_in(runtime, "OUTSIDE_BUS", "bus");
    setenv("OUTSIDE_USER_RUNTIME", runtime, 1);
}

static void make_sockets(const char *folder_of_caller)
{
    char name[128], folder[128];
    int process = (int)getpid();

    snprintf(name, sizeof(name), "/tmp/escape-%d.socket", process);
    make_listener("OUTSIDE_TMP_SOCKET", name);
    snprintf(name, sizeof(name), "/tmp/escape-agent-%d", process);
    make_listener("SSH_AUTH_SOCK", name);
    snprintf(name, sizeof(name), "@escape-%d", process);
    make_listener("OUTSIDE_ABSTRACT", name);
    snprintf(folder, sizeof(folder), "/tmp/.wine-escape-%d", process);
    make_folder(folder);
    snprintf(name, sizeof(name), "%s/socket", folder);
    make_listener("OUTSIDE_WINESERVER", name);
    if (mkdir("/tmp/.X11-unix", 01777) == 0)
        chmod("/tmp/.X11-unix", 01777);
    snprintf(name, sizeof(name), "/tmp/.X11-unix/X%d", 10000 + process % 50000);
    make_listener("OUTSIDE_DISPLAY_SOCKET", name);
    make_desktop(folder_of_caller);
    if (geteuid() == 0) {
        snprintf(name, sizeof(name), "/run/escape-%d.socket", process);
        make_listener("OUTSIDE_RUN_SOCKET", name);
    }
}

static void make_network(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 16) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        die("a server on loopback");
    set_number("OUTSIDE_PORT", ntohs(address.sin_port));
}

/* The first that this user can have outside, of families that namespaces do not divide. */
static void find_family(void)
{
    static const int families[][2] = {
        {AF_VSOCK, SOCK_STREAM}, {AF_ALG, SOCK_SEQPACKET}, {AF_BLUETOOTH, SOCK_RAW},
        {AF_RXRPC, SOCK_DGRAM},  {AF_KCM, SOCK_DGRAM},     {AF_CAN, SOCK_RAW},
    };

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        int fd = socket(families[i][0], families[i][1], 0);

        if (fd < 0)
            continue;
        close(fd);
        set_number("OUTSIDE_FAMILY", families[i][0]);
        set_number("OUTSIDE_FAMILY_TYPE", families[i][1]);
        return;
    }
}

static int memory = -1;
static char queue[64];

static void make_ipc(void)
{
    int key = 0x70776b00 ^ (int)getpid();
    mqd_t messages;

    memory = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600);
    if (memory < 0)
        die("shared memory");
    set_number("OUTSIDE_IPC_KEY", key);
    snprintf(queue, sizeof(queue), "/escape-%d", (int)getpid());
    messages = mq_open(queue, O_RDWR | O_CREAT | O_CLOEXEC, 0600, NULL);
    if (messages == (mqd_t)-1)
        die("a message queue");
    setenv("OUTSIDE_QUEUE", queue, 1);
}

static void make_key(void)
{
    long key;

    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0)
        return;
    key = syscall(SYS_add_key, "user", "pwk-escape", SECRET, sizeof(SECRET),
                  KEY_SPEC_SESSION_KEYRING);
    if (key >= 0)
        set_number("OUTSIDE_KEY", (int)key);
}

static void find_disk(void)
{
    DIR *folder = opendir("/dev");
    const struct dirent *entry;
    char path[300];
    struct stat st;

    while (folder && (entry = readdir(folder)) != NULL) {
        snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
        if (strncmp(entry->d_name, "loop", 4) == 0 && stat(path, &st) == 0 && S_ISBLK(st.st_mode)) {
            setenv("OUTSIDE_DISK", path, 1);
            break;
        }
    }
    if (folder)
        closedir(folder);
}

static void make_terminal(void)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0)
        die("a terminal");
    setenv("OUTSIDE_TERMINAL", ptsname(fd), 1);
}

static void send_root(int listener)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    char byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *header = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(header), &root, sizeof(root));
    if (fd >= 0)
        sendmsg(fd, &message, MSG_NOSIGNAL);
    close(fd);
    close(root);
}

static pid_t start_server(void)
{
    struct pollfd polled[MAX_LISTENERS];
    pid_t child = fork();

    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < listener_count; i++)
        polled[i] = (struct pollfd){.fd = listeners[i], .events = POLLIN};
    for (;;) {
        if (poll(polled, (nfds_t)listener_count, -1) < 0)
            _exit(1);
        for (int i = 0; i < listener_count; i++)
            if (polled[i].revents)
                send_root(listeners[i]);
    }
}

static void remove_all(void)
{
    while (made_count > 0)
        remove(made[--made_count]);
    if (memory >= 0)
        shmctl(memory, IPC_RMID, NULL);
    mq_unlink(queue);
}

int run_outside(const char *folder, char *command[])
{
    pid_t server, child;
    int status;

    make_secret("OUTSIDE_TMP", "%s/escape-secret-%d", "/tmp");
    make_secret("OUTSIDE_VAR_TMP", "%s/escape-secret-%d", "/var/tmp");
    make_secret("OUTSIDE_SHM", "%s/escape-secret-%d", "/dev/shm");
    if (geteuid() == 0)
        make_secret("OUTSIDE_RUN", "%s/escape-secret-%d", "/run");
    make_secret("OUTSIDE_FILE", "%s/secret", folder);
    setenv("OUTSIDE_FOLDER", folder, 1);
    make_sockets(folder);
    make_network();
    find_family();
    make_ipc();
    make_key();
    find_disk();
    make_terminal();
    server = start_server();
    set_number("OUTSIDE_PROCESS", (int)server);
    child = server < 0 ? -1 : fork();
    if (child == 0) {
        execvp(command[0], command);
        die(command[0]);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        status = 2 << 8;
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
    }
    remove_all();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
