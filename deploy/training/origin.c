/* Facts about the process, its program and its machine for the record; see origin.h. */
#include "deploy/training/origin.h"

#include <gnu/libc-version.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/memory.h"
#include "common/net/codec.h"
#include "deploy/training/revision.h"

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* Reads the command line from the kernel, so that no layer in between needs to pass it on. */
static enum cps_status read_command_line(struct cps_origin *self)
{
    size_t length = 0, room = 0;
    FILE *file = fopen("/proc/self/cmdline", "re");
    for (int byte; file && (byte = fgetc(file)) != EOF; length++) {
        enum cps_status status = cps_grow("the command line", &self->command_line, &room, length + 2, 1);
        if (status != CPS_OK) {
            fclose(file);
            return status;
        }
        self->command_line[length] = (char)byte;
        self->command_line[length + 1] = '\0';
        self->record.argument_count += byte == '\0';
    }
    if (file)
        fclose(file);
    return CPS_OK;
}

static enum cps_status split_command_line(struct cps_origin *self)
{
    const char *word = self->command_line;
    CPS_TRY(
        cps_alloc("the command line", self->record.argument_count, sizeof *self->arguments, &self->arguments));
    for (size_t i = 0; i < self->record.argument_count; i++, word += strlen(word) + 1)
        self->arguments[i] = word;
    self->record.arguments = self->arguments;
    return CPS_OK;
}

/* "model name : AMD EPYC 9R14" of the first core; other architectures have no such line. */
static void read_processor(struct cps_origin *self)
{
    static const char key[] = "model name";
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, key, sizeof key - 1) != 0 || !colon)
            continue;
        colon += strspn(colon, ": \t");
        snprintf(self->processor, sizeof self->processor, "%.*s", (int)strcspn(colon, "\n"), colon);
        self->record.processor = self->processor;
        break;
    }
    if (file)
        fclose(file);
}

static void describe_machine(struct cps_origin *self)
{
    struct cps_record_origin *record = &self->record;
    long cores = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (uname(&self->names) == 0) {
        snprintf(self->system, sizeof self->system, "%s %s", self->names.sysname, self->names.release);
        record->system = self->system;
        record->host = self->names.nodename;
        record->architecture = self->names.machine;
    }
    record->cores = cores > 0 ? (uint64_t)cores : 0;
    record->memory_bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    read_processor(self);
}

enum cps_status cps_origin_init(struct cps_origin *self)
{
    *self = (struct cps_origin){.record = {.compiler = COMPILER, .build_type = CPS_BUILD_TYPE}};
    self->record.revision = CPS_REVISION[0] ? CPS_REVISION : NULL;
    self->record.folder = getcwd(self->folder, sizeof self->folder);
    cps_origin_add_version(self, "collab-ps", cps_version());
    cps_origin_add_version(self, "protobuf-c", protobuf_c_version());
    cps_origin_add_version(self, "jansson", jansson_version_str());
    cps_origin_add_version(self, "OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING));
    cps_origin_add_version(self, "glibc", gnu_get_libc_version());
    describe_machine(self);
    enum cps_status status = read_command_line(self);
    return status == CPS_OK ? split_command_line(self) : status;
}

void cps_origin_build(char *out, size_t bytes)
{
    snprintf(out, bytes, "collab-ps %s (revision %s, protocol %d)", cps_version(),
             CPS_REVISION[0] ? CPS_REVISION : "unknown", CPS_PROTOCOL_VERSION);
}

void cps_origin_release(struct cps_origin *self)
{
    cps_inputs_release(&self->inputs);
    free(self->command_line);
    free(self->arguments);
    *self = (struct cps_origin){0};
}

void cps_origin_add_version(struct cps_origin *self, const char *name, const char *version)
{
    if (self->record.version_count < sizeof self->versions / sizeof self->versions[0])
        self->versions[self->record.version_count++] = (struct cps_record_version){name, version};
    self->record.versions = self->versions;
}

const struct cps_record_origin *cps_origin_record(struct cps_origin *self)
{
    self->record.inputs = self->inputs.files;
    self->record.input_count = self->inputs.count;
    return &self->record;
}
