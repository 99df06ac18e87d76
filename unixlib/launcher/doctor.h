/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor.h - what the files of pwkctl doctor share.
 */
#ifndef PWK_LAUNCHER_DOCTOR_H
#define PWK_LAUNCHER_DOCTOR_H

enum doctor_verdict { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILED };

struct doctor; /* the report */

/* One line, or one element with --json. */
void doctor_report(struct doctor *doctor, enum doctor_verdict verdict, const char *subject,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What sessions of a kernel's own need of the machine, tried out (doctor_cage.c). */
void doctor_check_cage(struct doctor *doctor);

#endif
