/*
 * Where a run comes from, for its record: the command line, the source and the compiler that made the
 * program, the machine, the libraries, and the input files.
 */
#ifndef CPS_DEPLOY_TRAINING_ORIGIN_H
#define CPS_DEPLOY_TRAINING_ORIGIN_H

#include <sys/utsname.h>

#include "common/store/inputs.h"

struct cps_origin {
    struct cps_record_origin record; /* points into the rest: an origin is not to be copied */
    struct cps_inputs inputs;
    char *command_line; /* words, each with its NUL */
    const char **arguments;
    char folder[4096], processor[128];
    char system[sizeof((struct utsname *)0)->sysname + sizeof((struct utsname *)0)->release + 2];
    struct utsname names;
    struct cps_record_version versions[8];
};

/* All of it but the input files and the versions of what carries messages; where the system does not
 * tell, nothing stands. All zeroes may be released as well. */
enum cps_status cps_origin_init(struct cps_origin *self);
void cps_origin_release(struct cps_origin *self);

/* A text that two programs have in common if they are one build: version, revision, and what they speak. */
void cps_origin_build(char *out, size_t bytes);

/* Adds a version; both texts are borrowed. */
void cps_origin_add_version(struct cps_origin *self, const char *name, const char *version);

/* The record, with the input files as they are known by now. */
const struct cps_record_origin *cps_origin_record(struct cps_origin *self);

#endif
