/*
 * The terminal that progress is drawn on, if there is one.
 *
 * Under mpirun a rank writes into pipes, but the user may well sit in front of a terminal: mpirun's own
 * standard error. A bar is drawn there directly, since mpirun reads the two pipes of a rank in any order and
 * would mix bars with rows of the table. Rows still go through standard output, and then begin by erasing
 * the line that a bar may stand on.
 */
#ifndef CPS_SERVER_RECORD_TERMINAL_H
#define CPS_SERVER_RECORD_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct cps_terminal {
    FILE *stream;      /* to draw on; NULL: there is no terminal */
    bool is_launchers; /* opened here, and to be closed */
    bool shows_out;    /* standard output passes through the launcher to a terminal too */
};

/* Looks for a terminal behind err, or else behind the standard error of the mpirun that started this process.
 * None where $TERM says that it cannot redraw a line. */
void cps_terminal_find(struct cps_terminal *self, FILE *err);
void cps_terminal_release(struct cps_terminal *self);

/* Its width; 80 where it does not say. */
size_t cps_terminal_columns(const struct cps_terminal *self);

#endif
