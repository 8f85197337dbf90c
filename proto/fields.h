/*
 * The single list of the fields of all messages. It generates the schema (wire.proto), the structs of the
 * program (common/model/plan.h, common/net/message.h), the conversion between them (common/net/codec.c) and the
 * bounds checks of a plan (common/model/plan.c).
 *
 * To add a field, add one line here: the next free number of its list, a type, a name, and in a plan its
 * bounds. To add a body, add a list of fields and a line in CPS_BODY_MAP; CPS_MESSAGE_MAP
 * (common/net/message.h) tells which kinds of messages have that body.
 *
 *   type       in C                        in the schema
 *   BOOL       bool                        bool
 *   U32        uint32_t                    uint32
 *   U64        uint64_t                    fixed64, so that a header's size has a small bound
 *   F32, F64   float, double               float, double
 *   MODEL …    an enum of base/choices.h   uint32, refused when out of range
 *   STATUS     enum cps_status             uint32, refused when out of range
 *   ACTION     enum cps_snapshot_action    uint32, refused when out of range
 *   DIGEST     uint8_t [32]                bytes, exactly 32
 *   LOSS       struct cps_loss_sum         bytes: low, high
 *   TIMES      uint64_t [CPS_PHASES]       bytes
 */
#ifndef CPS_PROTO_FIELDS_H
#define CPS_PROTO_FIELDS_H

#include "proto/bounds.h"

/* X(number, name in C, name in the schema, name of its list): CPS_<LIST>_FIELDS has the fields. */
#define CPS_BODY_MAP(X)                                                                                        \
    X(10, hello, Hello, HELLO)                                                                                 \
    X(11, plan, Plan, PLAN)                                                                                    \
    X(12, grant, Grant, GRANT)                                                                                 \
    X(13, exchange, Exchange, EXCHANGE)                                                                        \
    X(14, rows, Rows, ROWS)                                                                                    \
    X(15, report, Report, REPORT)                                                                              \
    X(16, end, End, END)                                                                                       \
    X(17, snapshot, Snapshot, SNAPSHOT)                                                                        \
    X(18, state, State, STATE)                                                                                 \
    X(19, pulse, Pulse, PULSE)                                                                                 \
    X(20, pass, Pass, PASS)                                                                                    \
    X(21, lease, Lease, LEASE)

/* Describes a worker's ratings, so that the coordinator can check that all workers read the same data set. The
 * counts are those of the worker's shard, sample_bytes is its size in memory. A server sends has_data false. */
#define CPS_HELLO_FIELDS(X)                                                                                    \
    X(1, BOOL, has_data)                                                                                       \
    X(2, DIGEST, fingerprint)                                                                                  \
    X(3, U64, train_count)                                                                                     \
    X(4, U64, valid_count)                                                                                     \
    X(5, U64, sample_bytes)

/* Everything that a loss curve depends on besides the data, and the shape of the job, with the bounds of each
 * number. common/model/plan.h explains the fields and the conditions between them. */
#define CPS_PLAN_FIELDS(X)                                                                                     \
    X(1, MODEL, model, 0, CPS_MODELS - 1)                                                                      \
    X(2, U32, factors, 1, CPS_MOST_FACTORS)                                                                    \
    X(3, BOOL, has_range, 0, 1)                                                                                \
    X(4, F32, range_low, -FLT_MAX, FLT_MAX)                                                                    \
    X(5, F32, range_high, -FLT_MAX, FLT_MAX)                                                                   \
    X(6, U32, user_rows, 1, UINT32_MAX)                                                                        \
    X(7, U32, movie_rows, 1, UINT32_MAX)                                                                       \
    X(8, OPTIMIZER, optimizer, 0, CPS_OPTIMIZERS - 1)                                                          \
    X(9, SCHEDULE, schedule, 0, CPS_SCHEDULES - 1)                                                             \
    X(10, CONSISTENCY, consistency, 0, CPS_CONSISTENCIES - 1)                                                  \
    X(11, U32, epochs, 1, CPS_MOST_EPOCHS)                                                                     \
    X(12, U32, batch_size, 1, CPS_MOST_BATCH)                                                                  \
    X(13, U64, train_count, 1, UINT32_MAX)                                                                     \
    X(14, U64, valid_count, 0, UINT32_MAX)                                                                     \
    X(15, F64, lr_max, 0, CPS_MOST_LR)                                                                         \
    X(16, F64, wd, 0, CPS_MOST_WD)                                                                             \
    X(17, F64, wd_bias, 0, CPS_MOST_WD)                                                                        \
    X(18, U64, seed, 0, UINT64_MAX)                                                                            \
    X(19, U32, gradient_bits, 0, 40)                                                                           \
    X(20, U32, servers, 1, CPS_MOST_NODES)                                                                     \
    X(21, U32, workers, 1, CPS_MOST_NODES)                                                                     \
    X(22, U64, first_step, 0, UINT32_MAX)                                                                      \
    X(23, BOOL, validates_first, 0, 1)                                                                         \
    X(24, U64, save_every, 0, UINT32_MAX)                                                                      \
    X(25, F32, offset, -FLT_MAX, FLT_MAX)                                                                      \
    X(26, BOOL, reads_epochs, 0, 1)                                                                            \
    X(27, SOLVER, solver, 0, CPS_SOLVERS - 1)                                                                  \
    X(28, U32, blocks, 0, CPS_MOST_BLOCKS)                                                                     \
    X(29, F64, wd_movie_bias, 0, CPS_MOST_WD)                                                                  \
    X(30, BOOL, keeps_biases, 0, 1)

/* Permits training steps first_step .. first_step + steps - 1. Payload: their hyper-parameters, double
 * lr[steps], double momentum[steps]. */
#define CPS_GRANT_FIELDS(X)                                                                                    \
    X(1, U64, first_step)                                                                                      \
    X(2, U32, steps)

/*
 * Pushes the gradients of step - 1 (if has_push) and requests rows as they are after `step` steps. pull_keys
 * also announce that their gradients will be pushed for step `step`; read_keys only read. The sender increments
 * ticket with each exchange, and ROWS returns it. Every worker sends every server one exchange with has_push
 * for every step, even if it is empty. Payload, in this order (width = cps_plan_row_width): int64
 * sums[sum_rows][width]        rows hit more than once by this worker: sums of fixed-point gradients, in units
 * of 2^-gradient_bits float  singles[single_rows][width]  rows hit once: the gradient itself {uint32 row,
 * uint32 other, float slope} scaled[scaled]   a part of the gradient of row: slope times the factors of other,
 * and slope for the bias. row and other are places among pull_keys of the previous exchange; the weights are
 * those of its answer uint32 sum_keys[sum_rows], single_keys[single_rows], pull_keys[pull_rows],
 * read_keys[read_rows]
 */
#define CPS_EXCHANGE_FIELDS(X)                                                                                 \
    X(1, U64, step)                                                                                            \
    X(2, U64, ticket)                                                                                          \
    X(3, BOOL, has_push)                                                                                       \
    X(4, U32, sum_rows)                                                                                        \
    X(5, U32, single_rows)                                                                                     \
    X(6, U32, pull_rows)                                                                                       \
    X(7, U32, read_rows)                                                                                       \
    X(8, U32, scaled)

/* Answers an exchange. Payload: float rows[rows][width], in the order of pull_keys and then of read_keys. */
#define CPS_ROWS_FIELDS(X)                                                                                     \
    X(1, U64, step)                                                                                            \
    X(2, U64, ticket)                                                                                          \
    X(3, U32, rows)

/*
 * Reports a worker's errors. Payload: for each of the steps first_step .. first_step + steps - 1 a struct
 * cps_loss_sum, the sum of the squared errors of the worker's part of the batch. has_valid: after the last step
 * of an epoch, valid_sum and valid_absolute are the sums of the squared and the absolute errors of its
 * validation ratings. The report that ends an epoch also has spent_ns, the time that its rank spent in each
 * phase since the previous such report: a worker sets COMPUTE, WAIT and VALIDATION, a server OPTIMIZER; the
 * others are 0. A server reports only these times, with steps 0. counted: the sums are followed by the number
 * of ratings in each, as uint64, because the plan does not determine the size of a sub-epoch.
 *
 * diverged, an enum cps_diverged: the node found a value out of range at diverged_step and waits to be stopped.
 * user_row and movie_row are those of the rating if the value is an error, else 0.
 */
#define CPS_REPORT_FIELDS(X)                                                                                   \
    X(1, U64, first_step)                                                                                      \
    X(2, U32, steps)                                                                                           \
    X(3, BOOL, has_valid)                                                                                      \
    X(4, U32, epoch)                                                                                           \
    X(5, LOSS, valid_sum)                                                                                      \
    X(6, U64, valid_count)                                                                                     \
    X(7, TIMES, spent_ns)                                                                                      \
    X(8, LOSS, valid_absolute)                                                                                 \
    X(9, U32, diverged)                                                                                        \
    X(10, U64, diverged_step)                                                                                  \
    X(11, U32, user_row)                                                                                       \
    X(12, U32, movie_row)                                                                                      \
    X(13, BOOL, counted)

/* Reports an error (FAIL, from the node where it occurred) or the end of the run (STOP, from the coordinator).
 * Payload: the error message, a NUL, the hint, a NUL; or nothing. */
#define CPS_END_FIELDS(X) X(1, STATUS, status)

/* What a server has to do for a checkpoint (SNAPSHOT), and what the server did (KEPT), at or after step. */
#define CPS_SNAPSHOT_FIELDS(X)                                                                                 \
    X(1, U64, step)                                                                                            \
    X(2, ACTION, action)

/* FETCH requests rows first_row .. first_row + rows - 1 of a server as they are after step; STATE brings them.
 * The coordinator fetches the rows that a server keeps for a checkpoint, and sends rows 0 when they are no
 * longer needed. In a resumed run a server fetches its own rows. Payload of STATE: uint32 state[rows][words],
 * where words is cps_plan_state_words (0 in FETCH). */
#define CPS_STATE_FIELDS(X)                                                                                    \
    X(1, U64, step)                                                                                            \
    X(2, U32, first_row)                                                                                       \
    X(3, U32, rows)                                                                                            \
    X(4, U32, words)

/* A HEARTBEAT: a sign of life that also acknowledges, outside of the sequence. progress counts the messages
 * that the node has handled; a live node whose count does not change is itself waiting. */
#define CPS_PULSE_FIELDS(X) X(1, U64, progress)

/* The coordinator has read the rows as they are after step, the last of an epoch; training may continue. */
#define CPS_PASS_FIELDS(X) X(1, U64, step)

/*
 * The block solver. LEND hands a worker those rows of a block that live on the sending server, as they are
 * after `step` sub-epochs. The worker has them exclusively until its RETURN brings them back as they are after
 * a later step. With shared, all workers read the rows at the same time, and RETURN has no rows. With kept, the
 * worker has the rows of step from its lease before, and LEND has none. Payload: float rows[rows][row_floats],
 * in the order of places, packed (cps_block_row_pack); between the nodes of one process as they are trained, if
 * there is one server (common/model/block_kernels.h).
 */
#define CPS_LEASE_FIELDS(X)                                                                                    \
    X(1, BOOL, movies)                                                                                         \
    X(2, U32, block)                                                                                           \
    X(3, U64, step)                                                                                            \
    X(4, U32, rows)                                                                                            \
    X(5, U32, row_floats)                                                                                      \
    X(6, BOOL, shared)                                                                                         \
    X(7, BOOL, kept)

/* Expands a field to a member of a struct. */
#define CPS_FIELD(number, type, name, ...) CPS_MEMBER_##type(name);
#define CPS_MEMBER_BOOL(name) bool name
#define CPS_MEMBER_U32(name) uint32_t name
#define CPS_MEMBER_U64(name) uint64_t name
#define CPS_MEMBER_F32(name) float name
#define CPS_MEMBER_F64(name) double name
#define CPS_MEMBER_MODEL(name) enum cps_model_kind name
#define CPS_MEMBER_OPTIMIZER(name) enum cps_optimizer_kind name
#define CPS_MEMBER_SCHEDULE(name) enum cps_schedule_kind name
#define CPS_MEMBER_SOLVER(name) enum cps_solver_kind name
#define CPS_MEMBER_CONSISTENCY(name) enum cps_consistency name
#define CPS_MEMBER_STATUS(name) enum cps_status name
#define CPS_MEMBER_ACTION(name) enum cps_snapshot_action name
#define CPS_MEMBER_DIGEST(name) uint8_t name[32]
#define CPS_MEMBER_LOSS(name) struct cps_loss_sum name
#define CPS_MEMBER_TIMES(name) uint64_t name[CPS_PHASES]

/* Expands a field to a line of the schema. */
#define CPS_SCHEMA(number, type, name, ...) CPS_SCHEMA_##type name = number;
#define CPS_SCHEMA_BOOL bool
#define CPS_SCHEMA_U32 uint32
#define CPS_SCHEMA_U64 fixed64
#define CPS_SCHEMA_F32 float
#define CPS_SCHEMA_F64 double
#define CPS_SCHEMA_MODEL uint32
#define CPS_SCHEMA_OPTIMIZER uint32
#define CPS_SCHEMA_SCHEDULE uint32
#define CPS_SCHEMA_SOLVER uint32
#define CPS_SCHEMA_CONSISTENCY uint32
#define CPS_SCHEMA_STATUS uint32
#define CPS_SCHEMA_ACTION uint32
#define CPS_SCHEMA_DIGEST bytes
#define CPS_SCHEMA_LOSS bytes
#define CPS_SCHEMA_TIMES bytes

#endif
