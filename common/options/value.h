/* One option's value: from text into its field, and back. */
#ifndef CPS_OPTIONS_VALUE_H
#define CPS_OPTIONS_VALUE_H

#include "common/options/table.h"

/* Where a value was written, for the record and for the error about it. */
struct cps_option_origin {
    enum cps_option_source source;
    const char *where; /* "a.conf:3: " or "" */
    const char *name;  /* as it stands there: "--lr-max", "COLLAB_PS_LR_MAX", "lr-max" */
};

/* Puts text into option's field of self and notes its source; a string is copied and
 * replaces the former one. CPS_ERR_USAGE says what is allowed. */
enum cps_status cps_option_set(struct cps_options *self, const struct cps_option *option, const char *text,
                               const struct cps_option_origin *origin);

/* Back to the default: one option, or all of self's command. */
enum cps_status cps_option_reset(struct cps_options *self, const struct cps_option *option);
enum cps_status cps_option_reset_all(struct cps_options *self);

/* Does option have a field at all, and something in it? */
bool cps_option_has_value(const struct cps_options *self, const struct cps_option *option);

/* Adds the canonical text of the value, which cps_option_set reads back to the same
 * bits; nothing where there is no value. */
enum cps_status cps_option_format(const struct cps_options *self, const struct cps_option *option,
                                  struct cps_text *out);

/* Adds what option may be set to: "a whole number from 1 to 4096". */
enum cps_status cps_option_allowed(const struct cps_option *option, struct cps_text *out);

/* Adds the names of the choices as prose: "dot or bias". */
enum cps_status cps_option_choices(const struct cps_option *option, struct cps_text *out);

#endif
