/*
 * A set of samples with the rows they need: who they are, where they live, and, once
 * pulled, what is in them.
 *
 *   sample i = (user[i], movie[i], rating[i])   user, movie: places among the rows
 *   row r    = key[r], hits[r]                  unique, users, then movies, in order of first appearance
 *   share s  = places of the rows on server s   the order in which they are asked for
 *
 * Pulled rows are kept padded: the factors, then zeroes up to the stride; biases stand
 * in an array of their own, so that a dot product runs over whole strides.
 */
#ifndef CPS_WORKER_GATHER_H
#define CPS_WORKER_GATHER_H

#include "common/base/team.h"
#include "common/data/dataset.h"
#include "common/model/plan.h"

/* Finds a key's place in the gather being built; shared by a worker's gathers, which are
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
    uint32_t sums, singles; /* of them pushed in these forms */
    uint32_t scaled;        /* parts of the gradients of the others */
};

/* How a row's gradient travels: as what is smallest. */
enum cps_push_form {
    CPS_PUSH_SUM,    /* several samples: their exact sum */
    CPS_PUSH_SINGLE, /* one sample: the gradient */
    CPS_PUSH_SCALED  /* few samples, whose other rows live on the same server: slopes, to be multiplied there */
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

/* Takes count samples: those at chosen[0..count-1], or the first ones when chosen is NULL.
 * What was gathered before is forgotten. chosen holds `known` places in all, which are
 * looked at to ask for memory ahead of its use. */
enum cps_status cps_gather_samples(struct cps_gather *self, struct cps_key_map *map,
                                   const struct cps_samples *samples, const uint32_t *chosen, uint64_t known,
                                   uint32_t count);

/* Writes the keys of server's share to out[shares[server].count]. */
void cps_gather_keys(const struct cps_gather *self, uint32_t server, uint32_t *out);

/* Takes the rows of server's share as they come in a ROWS message. */
void cps_gather_fill(struct cps_gather *self, uint32_t server, const float *packed);

#endif
