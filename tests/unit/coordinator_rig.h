/* A coordinator whose servers, workers and observer are played by the test. */
#ifndef CPS_TESTS_UNIT_COORDINATOR_RIG_H
#define CPS_TESTS_UNIT_COORDINATOR_RIG_H

#include "server/coordinator/coordinator.h"
#include "tests/unit/roles.h"

enum { WIDTH = 6, KEYS = 22, SERVERS = 2, WORKERS = 3, NODES = 1 + SERVERS + WORKERS, STEPS = 40, EPOCHS = 2 };

static const uint64_t SECOND = 1000000000u;

/* What the observer was told. */
struct told {
    uint32_t starts, steps, epochs, rows, completes, divergences;
    uint64_t diverged_step;
    uint64_t sample_bytes;
    struct cps_step_result step[STEPS * EPOCHS];
    struct cps_epoch_result epoch[EPOCHS];
    float row[KEYS * WIDTH];
    enum cps_status answer; /* what on_step returns */
    bool wants_epochs, ends;
    bool busy; /* what poll says */
};

struct rig {
    struct cps_plan plan;
    struct cps_coordinator *coordinator;
    struct cps_role role;
    struct post post;
    struct told told;
    struct cps_message last_answer; /* of a server to a question that the others have answered */
};

extern const uint8_t fingerprint[CPS_SHA256_BYTES];

void rig_init_observed(struct rig *self, uint64_t timeout_ns, bool (*wants_epoch)(void *));
void rig_init(struct rig *self, uint64_t timeout_ns);
void rig_release(struct rig *self);
enum cps_status say(struct rig *rig, struct cps_message message);
struct cps_message hello_of(struct rig *rig, uint32_t node);
uint32_t count_sent(const struct rig *rig, enum cps_message_kind kind);
void rig_start(struct rig *self);
void rig_begin(struct rig *self, uint64_t timeout_ns);
void rig_begin_observed(struct rig *self, bool (*wants_epoch)(void *));
struct cps_message report_of(struct rig *rig, uint32_t worker, uint64_t first, uint32_t steps, int epoch);
struct cps_message answer_to(struct rig *rig, const struct cps_message *question);
void rig_report_all(struct rig *self);
void rig_finish_training(struct rig *self);
void rig_begin_long(struct rig *self);
double loss_of(uint32_t worker, uint64_t step);

#endif
