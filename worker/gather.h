/*
 * A set of samples and the rows they need: the keys of the rows, the servers that own them, and, once pulled,
 * their values.
 *
 *   sample i = (user[i], movie[i], rating[i])   user, movie: places among the rows
 *   row r    = key[r], hits[r]                  unique, users, then movies, in order of first appearance
 *   share s  = places of the rows on server s   in the order in which they are requested
 *
 * Pulled rows are stored padded: the factors, then zeroes up to the stride. Biases are stored in a separate
 * array, so that a dot product runs over whole strides.
 */
#ifndef CPS_WORKER_GATHER_H
#define CPS_WORKER_GATHER_H

#include "common/base/team.h"
#include "common/data/dataset.h"
#include "common/model/plan.h"

/* Maps a key to its place in the gather being built. All gathers of a worker share one map, since they are
 * built one at a time. */
struct cps_key_map {
    struct {
        uint32_t stamp, place;
    } * entries; /* [keys] */
    uint32_t stamp;
};

struct cps_share {
    uint32_t *places;
    uint32_t count;
    size_t capacity;
    uint32_t sums, singles; /* number of rows pushed in these forms */
    uint32_t scaled;        /* number of parts (samples) of the rows pushed as CPS_PUSH_SCALED */
};

/* The form in which a row's gradient is sent: the smallest one that applies. */
enum cps_push_form {
    CPS_PUSH_SUM,    /* several samples: their exact sum */
    CPS_PUSH_SINGLE, /* one sample: the gradient */
    CPS_PUSH_SCALED  /* few samples whose other rows live on the same server: slopes; the server multiplies */
};

struct cps_gather {
    struct cps_plan plan;
    struct cps_team *team; /* borrowed */
    uint32_t stride;
    uint32_t sample_count, row_count;
    uint32_t *user, *movie; /* [sample_count] */
    float *rating;
    uint32_t *key, *hits;     /* [row_count] */
    uint32_t *at;             /* [row_count]: places in the share */
    uint8_t *form;            /* [row_count]: enum cps_push_form */
    float *rows;              /* [row_count][stride] */
    float *bias;              /* [row_count]; bias model only */
    struct cps_share *shares; /* [servers] */
    size_t sample_capacity, row_capacity;
};

enum cps_status cps_key_map_init(struct cps_key_map *self, const struct cps_plan *plan);
void cps_key_map_release(struct cps_key_map *self);

enum cps_status cps_gather_init(struct cps_gather *self, const struct cps_plan *plan, struct cps_team *team);
void cps_gather_release(struct cps_gather *self);

/* Gathers count samples, replacing what self held: those at chosen[0..count-1], or the first count samples when
 * chosen is NULL. chosen has `known` entries in all; those after count are read only to prefetch memory. */
enum cps_status cps_gather_samples(struct cps_gather *self, struct cps_key_map *map,
                                   const struct cps_samples *samples, const uint32_t *chosen, uint64_t known,
                                   uint32_t count);

/* Writes the keys of the share of server to out[shares[server].count]. */
void cps_gather_keys(const struct cps_gather *self, uint32_t server, uint32_t *out);

/* Copies the rows of the share of server from packed[shares[server].count][width], the layout of a ROWS
 * message, into rows and bias. */
void cps_gather_fill(struct cps_gather *self, uint32_t server, const float *packed);

#endif
