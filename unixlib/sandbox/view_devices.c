/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view_devices.c - see view_devices.h. Device nodes cannot be made in a user namespace: those of
 * the machine's /dev are taken over.
 */
#include "sandbox/view_devices.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/view_desktop.h"

static const struct {
    const char *path;
    bool needed;
    bool switched; /* it is there where the plan lets `of` be reached */
    enum pwk_desktop_switch of;
} devices[] = {
    {"/dev/null", true},
    {"/dev/zero", true},
    {"/dev/full", true},
    {"/dev/random", true},
    {"/dev/urandom", true},
    {"/dev/tty", false},
    /* Drivers talk to these directly. Without a display there is nothing to draw on: what else the
     * graphics card can do (compute) goes with it. */
    {"/dev/dri", false, true, PWK_DISPLAY},
    {"/dev/kfd", false, true, PWK_DISPLAY},
    {"/dev/nvidia0", false, true, PWK_DISPLAY},
    {"/dev/nvidia1", false, true, PWK_DISPLAY},
    {"/dev/nvidiactl", false, true, PWK_DISPLAY},
    {"/dev/nvidia-modeset", false, true, PWK_DISPLAY},
    {"/dev/nvidia-uvm", false, true, PWK_DISPLAY},
    {"/dev/nvidia-uvm-tools", false, true, PWK_DISPLAY},
    {"/dev/snd", false, true, PWK_SOUND},
};

static const struct {
    const char *path, *target;
} links[] = {
    {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"},
    {"/dev/ptmx", "pts/ptmx"},
};

static int fail(struct pwk_view *view, const char *path)
{
    return pwk_error_set(view->error, -errno,
                         "the session's %s cannot be made: %s; use --session shared", path,
                         strerror(errno));
}

int pwk_view_make_devices(struct pwk_view *view)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < sizeof(devices) / sizeof(devices[0]); i++)
        if (!devices[i].switched || pwk_view_reaches(view, devices[i].of))
            result = pwk_view_keep(view, devices[i].path, devices[i].needed);
    if (result == 0)
        result = pwk_view_cover(view, "/dev", "mode=0755,size=64k");
    if (result == 0)
        result = pwk_view_put_back(view);
    if (result < 0)
        return result;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        if (symlink(links[i].target, links[i].path) < 0)
            return fail(view, links[i].path);
    if (mkdir("/dev/pts", 0755) < 0 ||
        mount("pwk", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666") < 0)
        return fail(view, "/dev/pts");
    if (mkdir("/dev/shm", 0755) < 0)
        return fail(view, "/dev/shm");
    result = pwk_view_cover(view, "/dev/shm", "mode=1777");
    if (result == 0 &&
        mount(NULL, "/dev", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL) < 0)
        result = fail(view, "/dev");
    return result;
}
