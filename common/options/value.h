/* Conversion of an option's value between text and its field. */
#ifndef CPS_OPTIONS_VALUE_H
#define CPS_OPTIONS_VALUE_H

#include "common/options/table.h"

/* The place where a value was given, for the record and for errors. */
struct cps_option_origin {
    enum cps_option_source source;
    const char *where; /* "a.conf:3: " or "" */
    const char *name;  /* as written there: "--lr-max", "COLLAB_PS_LR_MAX", "lr-max" */
};

/* Parses text into option's field of self and records its source; a string is copied and replaces the former
 * one. Errors are CPS_ERR_USAGE and say what is allowed. */
enum cps_status cps_option_set(struct cps_options *self, const struct cps_option *option, const char *text,
                               const struct cps_option_origin *origin);

/* Resets one option, or all options of self's command, to the default. */
enum cps_status cps_option_reset(struct cps_options *self, const struct cps_option *option);
enum cps_status cps_option_reset_all(struct cps_options *self);

/* Whether option has a field and the field holds a value. */
bool cps_option_has_value(const struct cps_options *self, const struct cps_option *option);

/* Appends the canonical text of the value, which cps_option_set reads back to the same bits; nothing if there
 * is no value. */
enum cps_status cps_option_format(const struct cps_options *self, const struct cps_option *option,
                                  struct cps_text *out);

/* Appends the allowed values of option as prose: "a whole number from 1 to 4096". */
enum cps_status cps_option_allowed(const struct cps_option *option, struct cps_text *out);

/* Appends the names of the choices as prose: "dot or bias". */
enum cps_status cps_option_choices(const struct cps_option *option, struct cps_text *out);

#endif
