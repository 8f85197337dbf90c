/*
 * Injects faults of the machine by LD_PRELOAD: a slow disk, and failing allocations.
 *
 *     FAULT_FSYNC_MS=n       every fsync takes n ms more
 *     FAULT_MALLOC_ONCE=n    only the n-th allocation by the program fails
 *     FAULT_MALLOC_FROM=n    the n-th and all after it fail
 *     FAULT_MALLOC_COUNT=p   at exit the number of allocations is written to the file p
 *     FAULT_RANK=r           only in this rank of a job
 *
 * Only allocations by the program itself, and by jansson, protobuf-c and libcrypto, are counted: Open MPI and
 * ZeroMQ end the process if they run out of memory.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_RANGES = 64 };

static struct range {
    uintptr_t begin, end;
} watched[MOST_RANGES];
static int watched_count;
static bool ready;
static atomic_long count;
static long fail_once, fail_from;

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t items, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static bool is_watched(const char *path)
{
    static const char *const libraries[] = {"libjansson", "libprotobuf-c", "libcrypto"};
    if (path[0] == '\0') /* the program itself */
        return true;
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++)
        if (strstr(path, libraries[i]))
            return true;
    return false;
}

static int note_object(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size, (void)context;
    for (int i = 0; is_watched(info->dlpi_name) && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) && watched_count < MOST_RANGES)
            watched[watched_count++] = (struct range){begin, begin + part->p_memsz};
    }
    return 0;
}

static long number(const char *name)
{
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

/* Whether this process is the program, and neither mpirun nor a shell. */
static bool is_meant(void)
{
    if (strcmp(program_invocation_short_name, "collab-ps") != 0)
        return false;
    const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *meant = getenv("FAULT_RANK");
    return !meant || !rank || strcmp(rank, meant) == 0;
}

__attribute__((constructor)) static void begin(void)
{
    if (!is_meant())
        return;
    fail_once = number("FAULT_MALLOC_ONCE");
    fail_from = number("FAULT_MALLOC_FROM");
    dl_iterate_phdr(note_object, NULL);
    ready = true;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("FAULT_MALLOC_COUNT");
    FILE *file = path && ready ? fopen(path, "w") : NULL;
    ready = false;
    if (file) {
        fprintf(file, "%ld\n", count);
        fclose(file);
    }
}

/* Whether the allocation that returns to caller is to fail. */
static bool fails(const void *caller)
{
    uintptr_t place = (uintptr_t)caller;
    if (!ready)
        return false;
    for (int i = 0; i < watched_count; i++) {
        if (place < watched[i].begin || place >= watched[i].end)
            continue;
        long now = ++count;
        bool failing = now == fail_once || (fail_from && now >= fail_from);
        if (failing)
            errno = ENOMEM;
        return failing;
    }
    return false;
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t bytes)
{
    return fails(CALLER) ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t items, size_t bytes)
{
    return fails(CALLER) ? NULL : __libc_calloc(items, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    return bytes && fails(CALLER) ? NULL : __libc_realloc(memory, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return fails(CALLER) ? NULL : __libc_memalign(alignment, bytes);
}

/* Functions of the C library that allocate; inside them the caller of malloc would be the C library. */
char *strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = fails(CALLER) ? NULL : __libc_malloc(bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

int fsync(int file)
{
    static int (*real)(int);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "fsync");
    if (ready)
        usleep((useconds_t)number("FAULT_FSYNC_MS") * 1000);
    return real(file);
}
