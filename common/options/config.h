/*
 * Option files: lines of 'name = value'.
 *
 *     # a comment; it may also follow a value
 *     lr-max = 5e-3
 *     out    = "runs/a name # with a sign"   (\" \\ \n \t inside quotes)
 */
#ifndef CPS_OPTIONS_CONFIG_H
#define CPS_OPTIONS_CONFIG_H

#include "common/base/status.h"
#include "common/base/text.h"

/* A pass over the bytes of an option file, which must outlive the reader. */
struct cps_config_reader {
    const char *next, *end;
    const char *file; /* its name in errors */
    size_t line;      /* number of the last line read, from 1 */
    struct cps_text name, value;
};

enum cps_config_item {
    CPS_CONFIG_END,
    CPS_CONFIG_SETTING, /* reader's name and value are set */
    CPS_CONFIG_NOTE     /* a '#: name value' comment, used by records */
};

void cps_config_reader_init(struct cps_config_reader *self, const char *file, const char *data, size_t size);
void cps_config_reader_release(struct cps_config_reader *self);

/* Reads the next setting or note. Errors are CPS_ERR_USAGE and start with "file:line: ". */
enum cps_status cps_config_next(struct cps_config_reader *self, enum cps_config_item *out);

/* Appends "name = value\n" to out, quoting the value if necessary. */
enum cps_status cps_config_write(struct cps_text *out, const char *name, const char *value);

#endif
