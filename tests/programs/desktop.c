/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * desktop.c - what a Windows program does with the desktop, one thing a call:
 *
 *   desktop window TITLE DONE    shows a window until the file DONE is there
 *   desktop printers             lists the printers, one name a line
 *   desktop print PRINTER TEXT   prints a document of one line, as it is
 *   desktop devices              the number of devices that sound can go to
 *   desktop play DONE            plays a tone until the file DONE is there
 *
 * It says on standard output what came of it; the status is 0 where that was done, else 1. What
 * waits for a file waits no longer than two minutes.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <mmsystem.h>
#include <winspool.h>

#define ROUNDS 1200 /* of 100 ms */
#define RATE 44100

static int fail(const char *what, unsigned long error)
{
    printf("%s: error %lu\n", what, error);
    return 1;
}

static int is_there(const char *path)
{
    return GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES;
}

static int show_window(const char *title, const char *done)
{
    HWND window = CreateWindowExA(0, "static", title, WS_OVERLAPPEDWINDOW | WS_VISIBLE, 20, 20, 320,
                                  200, NULL, NULL, GetModuleHandleA(NULL), NULL);
    MSG message;

    if (!window)
        return fail("no window", GetLastError());
    printf("window\n");
    fflush(stdout);
    for (int i = 0; i < ROUNDS && !is_there(done); i++) {
        while (PeekMessageA(&message, NULL, 0, 0, PM_REMOVE))
            DispatchMessageA(&message);
        Sleep(100);
    }
    DestroyWindow(window);
    return 0;
}

static int list_printers(void)
{
    static union {
        PRINTER_INFO_4A info[64];
        unsigned char bytes[65536];
    } printers;
    DWORD needed, count;

    if (!EnumPrintersA(PRINTER_ENUM_LOCAL, NULL, 4, printers.bytes, sizeof(printers), &needed,
                       &count))
        return fail("no list of printers", GetLastError());
    for (DWORD i = 0; i < count; i++)
        printf("%s\n", printers.info[i].pPrinterName);
    return 0;
}

static int print_line(const char *printer, const char *text)
{
    DOC_INFO_1A document = {.pDocName = (char *)"pwk", .pDatatype = (char *)"RAW"};
    HANDLE handle;
    DWORD written;

    if (!OpenPrinterA((char *)printer, &handle, NULL))
        return fail("no printer", GetLastError());
    if (!StartDocPrinterA(handle, 1, (unsigned char *)&document))
        return fail("no document", GetLastError());
    if (!StartPagePrinter(handle) ||
        !WritePrinter(handle, (void *)text, (DWORD)strlen(text), &written) ||
        !WritePrinter(handle, (void *)"\n", 1, &written) || !EndPagePrinter(handle) ||
        !EndDocPrinter(handle))
        return fail("not printed", GetLastError());
    ClosePrinter(handle);
    printf("printed\n");
    return 0;
}

static int play(const char *done)
{
    static short samples[RATE / 2];
    WAVEFORMATEX format = {.wFormatTag = WAVE_FORMAT_PCM,
                           .nChannels = 1,
                           .nSamplesPerSec = RATE,
                           .nAvgBytesPerSec = 2 * RATE,
                           .nBlockAlign = 2,
                           .wBitsPerSample = 16};
    WAVEHDR header = {.lpData = (char *)samples,
                      .dwBufferLength = sizeof(samples),
                      .dwLoops = 2 * ROUNDS / 10,
                      .dwFlags = WHDR_BEGINLOOP | WHDR_ENDLOOP};
    HWAVEOUT out;
    MMRESULT error;

    for (int i = 0; i < RATE / 2; i++)
        samples[i] = (short)(10000 * sin(2 * 3.14159265358979 * 440 * i / RATE));
    error = waveOutOpen(&out, WAVE_MAPPER, &format, 0, 0, CALLBACK_NULL);
    if (error)
        return fail("no sound", error);
    error = waveOutPrepareHeader(out, &header, sizeof(header));
    header.dwFlags |= WHDR_BEGINLOOP | WHDR_ENDLOOP;
    if (!error)
        error = waveOutWrite(out, &header, sizeof(header));
    if (error)
        return fail("nothing played", error);
    printf("playing\n");
    fflush(stdout);
    for (int i = 0; i < ROUNDS && !is_there(done); i++)
        Sleep(100);
    waveOutReset(out);
    waveOutUnprepareHeader(out, &header, sizeof(header));
    waveOutClose(out);
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc == 4 && strcmp(argv[1], "window") == 0)
        return show_window(argv[2], argv[3]);
    if (argc == 2 && strcmp(argv[1], "printers") == 0)
        return list_printers();
    if (argc == 4 && strcmp(argv[1], "print") == 0)
        return print_line(argv[2], argv[3]);
    if (argc == 2 && strcmp(argv[1], "devices") == 0)
        return printf("%u\n", waveOutGetNumDevs()) < 0;
    if (argc == 3 && strcmp(argv[1], "play") == 0)
        return play(argv[2]);
    return 2;
}
