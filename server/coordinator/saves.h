/*
 * The coordinator's side of checkpoints: chooses the step to save, collects its state, and
 * passes rows from the servers to the sink that writes them.
 *
 *     due by the plan  --------------------------------+
 *     asked for (a signal): HOLD -> all say where they  |
 *     are -> TAKE the furthest of these steps ----------+
 *                                                       v
 *     waiting:   KEPT of every server, and a mark: all losses up to the step are known
 *     fetching:  FETCH -> STATE, server by server's rows, as fast as the sink takes them
 *     writing:   the sink says when the checkpoint is valid, or that it failed
 *
 * One checkpoint is fetched or written at a time. A server asked to keep another
 * step meanwhile refuses, and that checkpoint is skipped, so that training never waits for the disk.
 */
#ifndef CPS_SERVER_COORDINATOR_SAVES_H
#define CPS_SERVER_COORDINATOR_SAVES_H

#include "common/drive/outbox.h"

#define CPS_SAVE_RECORDS 3

/* The run after a step, without its rows. */
struct cps_save_mark {
    uint64_t step;
    double average;         /* of step losses, not debiased */
    cps_int128 epoch_loss;  /* squared errors of the epoch under way */
    uint64_t epoch_ratings; /* and how many ratings they are of */
    uint32_t epochs;        /* complete, with their validation */
    double train_s;         /* seconds of training, and how long the records are: the sink's to fill in */
    uint64_t record_bytes[CPS_SAVE_RECORDS];
    void *best; /* the sink's own, until the mark's checkpoint is written or skipped */
};

enum cps_save_outcome { CPS_SAVE_PENDING, CPS_SAVE_VALID, CPS_SAVE_FAILED };

/* The writer of checkpoints; all NULL for none. The sink reports failures to the user; the coordinator only
 * sees the outcome, since training continues. */
struct cps_save_sink {
    void *context;
    /* All losses up to the mark's step are recorded, and no later one. */
    void (*mark)(void *context, struct cps_save_mark *mark);
    void (*begin)(void *context, const struct cps_save_mark *mark);
    /* Rows first_row … of a server; payload has their state as in STATE. It may be retained. */
    void (*rows)(void *context, uint32_t server, const struct cps_state *state, struct cps_buffer *payload);
    /* Whether it takes the rows of one more STATE; true is followed by just that. */
    bool (*reserve)(void *context);
    /* All rows have been passed. */
    void (*end)(void *context);
    /* Of the checkpoint that was begun last. VALID: it is on the disk. */
    enum cps_save_outcome (*outcome)(void *context);
    /* A checkpoint that was due is given up before it was begun. */
    void (*skip)(void *context, const struct cps_save_mark *mark);
};

enum cps_saves_phase { CPS_SAVES_IDLE, CPS_SAVES_FETCHING, CPS_SAVES_WRITING };

/* All zeroes: nobody writes checkpoints. */
struct cps_saves {
    const struct cps_plan *plan;
    struct cps_save_sink sink;
    struct cps_save_entry {
        struct cps_save_mark mark; /* its step alone until marked */
        bool marked, refused;
        uint32_t kept; /* servers that have answered */
    } * waiting;       /* [count], by step */
    size_t count, capacity;
    enum cps_saves_phase phase;
    struct cps_save_mark mark; /* of the checkpoint that is fetched or written */
    struct cps_save_stream {
        uint32_t next, end; /* rows */
        bool under_way;
    } * streams;        /* [servers] */
    uint32_t streaming; /* servers that have not given all */
    bool asked;         /* for one more, as soon as the servers can be held */
    bool stop;          /* the run ends when the next checkpoint is valid */
    bool ended;         /* the run ends by itself */
    bool holding;
    uint32_t held;     /* servers */
    uint64_t furthest; /* step of those */
    uint64_t taken;    /* the step that was asked for, plus 1 */
    bool taking;       /* and it is not yet fetched or given up */
    uint64_t marked;   /* the last one marked, plus 1 */
};

/* plan is borrowed. */
enum cps_status cps_saves_init(struct cps_saves *self, const struct cps_plan *plan,
                               const struct cps_save_sink *sink);
void cps_saves_release(struct cps_saves *self);

/* Whether there is a sink for checkpoints. */
static inline bool cps_saves_possible(const struct cps_saves *self)
{
    return self->sink.begin != NULL;
}

/* Requests a checkpoint of the current step, or, if one is in progress, of a step soon after it. With stop the
 * run ends once it is valid. Training must have started. */
enum cps_status cps_saves_ask(struct cps_saves *self, bool stop, struct cps_outbox *outbox);

/* All steps are trained: the run ends by itself, whether or not it was to stop, and nothing more is fetched. */
static inline void cps_saves_let_end(struct cps_saves *self)
{
    self->stop = self->asked = false;
    self->ended = true;
}

/* Whether no server will send further messages for a checkpoint. A message sent after the coordinator has left
 * would never be acknowledged, and its rank would wait for that. */
bool cps_saves_are_quiet(const struct cps_saves *self);

/* Whether the state after step, up to which all losses are known, is to be marked. */
bool cps_saves_wants_mark(const struct cps_saves *self, uint64_t step);
enum cps_status cps_saves_mark(struct cps_saves *self, struct cps_save_mark mark, struct cps_outbox *outbox);

/* Messages of servers. finished: steps whose losses are known. */
enum cps_status cps_saves_on_kept(struct cps_saves *self, const struct cps_message *message, uint64_t finished,
                                  struct cps_outbox *outbox);
enum cps_status cps_saves_on_state(struct cps_saves *self, const struct cps_message *message,
                                   struct cps_outbox *outbox);

/* Continues when the sink is ready. CPS_ERR_PREEMPTED once the checkpoint to stop at is valid, CPS_ERR_STORAGE
 * if it failed. */
enum cps_status cps_saves_on_tick(struct cps_saves *self, struct cps_outbox *outbox);

#endif
