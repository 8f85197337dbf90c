/*
 * The origin of a run, for its record: the command line, the source revision and the compiler of the program,
 * the machine, the libraries, and the input files.
 */
#ifndef CPS_DEPLOY_TRAINING_ORIGIN_H
#define CPS_DEPLOY_TRAINING_ORIGIN_H

#include <sys/utsname.h>

#include "common/store/inputs.h"

struct cps_origin {
    struct cps_record_origin record; /* points into the other members: do not copy an origin */
    struct cps_inputs inputs;
    char *command_line; /* words, each ending with a NUL */
    const char **arguments;
    char folder[4096], processor[128];
    char system[sizeof((struct utsname *)0)->sysname + sizeof((struct utsname *)0)->release + 2];
    struct utsname names;
    struct cps_record_version versions[8];
};

/* Fills in everything except the input files and the versions of the messaging libraries; what the system does
 * not report stays empty. A zeroed struct may be released as well. */
enum cps_status cps_origin_init(struct cps_origin *self);
void cps_origin_release(struct cps_origin *self);

/* Writes a text that identifies the program's build to out[bytes]: version, revision and protocol. */
void cps_origin_build(char *out, size_t bytes);

/* Adds a version; both texts are borrowed. */
void cps_origin_add_version(struct cps_origin *self, const char *name, const char *version);

/* Returns the record with the input files known so far; borrowed from self. */
const struct cps_record_origin *cps_origin_record(struct cps_origin *self);

#endif
