/*
 * The terminal on which progress is drawn, if there is one.
 *
 * Under mpirun a rank writes into pipes, but mpirun's own standard error may be a terminal. A bar is drawn
 * there directly, because mpirun reads the two pipes of a rank in any order and would mix bars with rows of the
 * table. Rows still go through standard output; each then first erases the line on which a bar may be.
 */
#ifndef CPS_SERVER_RECORD_TERMINAL_H
#define CPS_SERVER_RECORD_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct cps_terminal {
    FILE *stream;      /* to draw on; NULL: there is no terminal */
    bool is_launchers; /* stream is the launcher's terminal, opened here and closed by release */
    bool shows_out;    /* standard output also reaches a terminal, through the launcher */
};

/* Finds the terminal that err writes to, or else that of the standard error of the mpirun that started this
 * process. Finds none when $TERM says that the terminal cannot redraw a line. */
void cps_terminal_find(struct cps_terminal *self, FILE *err);
void cps_terminal_release(struct cps_terminal *self);

/* The width of the terminal in columns; 80 when it is not known. */
size_t cps_terminal_columns(const struct cps_terminal *self);

#endif
