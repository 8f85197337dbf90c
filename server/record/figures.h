/* Numbers formatted for people, each returned by value as a short text. */
#ifndef CPS_SERVER_RECORD_FIGURES_H
#define CPS_SERVER_RECORD_FIGURES_H

#include <stddef.h>
#include <stdint.h>

struct cps_figure {
    char text[64];
};

struct cps_figure cps_figure(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* 1234567 -> 1,234,567 */
struct cps_figure cps_figure_grouped(uint64_t number);

/* "1.20 M ratings/s": three digits */
struct cps_figure cps_figure_rate(double ratings_per_s);

/* m:ss, or h:mm:ss; minute_digits 2 gives fastai's 00:07 */
struct cps_figure cps_figure_duration(double seconds, int minute_digits);

/* Seconds with three significant digits: 0.0253, 1.27, 20.1, 3725 */
struct cps_figure cps_figure_seconds(double seconds);

/* A loss as fastai prints it, with six decimals, or fewer where it would not fit into ten characters. */
struct cps_figure cps_figure_loss(double loss);

/* "" for a count of 1, else "s" */
const char *cps_plural(uint64_t count);

#endif
