/* A small model made of random rows, for tests of what uses one. */
#ifndef CPS_TESTS_INFERENCE_MODEL_H
#define CPS_TESTS_INFERENCE_MODEL_H

#include <stdio.h>

#include "common/base/memory.h"
#include "common/inference/trained.h"
#include "tests/unit/check.h"

/* Names "t0", "t1", …, as ids and titles; the caller's to release as a run's names are. */
static inline void name_rows(struct cps_row_names *names, uint32_t rows, bool titled)
{
    names->rows = rows;
    check_ok(cps_alloc("names", (size_t)rows * 16, 1, &names->text));
    check_ok(cps_alloc("names", rows, sizeof *names->id, &names->id));
    if (titled)
        check_ok(cps_alloc("names", rows, sizeof *names->title, &names->title));
    for (uint32_t row = 0; row < rows; row++) {
        snprintf(names->text + row * 16, 16, "t%u", row);
        names->id[row] = names->text + row * 16;
        if (titled)
            names->title[row] = names->id[row];
    }
}

/* A bias model with range 0 to 5.5; factors of about 0.3. */
static inline struct cps_trained make_model(uint32_t users, uint32_t movies, uint32_t factors)
{
    struct cps_trained model = {.plan = {.model = CPS_MODEL_BIAS,
                                         .factors = factors,
                                         .has_range = true,
                                         .range_high = 5.5f,
                                         .user_rows = users,
                                         .movie_rows = movies},
                                .stride = (uint32_t)cps_round_up(factors, CPS_LANES)};
    size_t keys = (size_t)users + movies;
    check_ok(cps_kernels_select(CPS_ISA_SCALAR, &model.kernels));
    check_ok(cps_alloc("rows", keys * model.stride, sizeof(float), &model.rows));
    check_ok(cps_alloc("biases", keys, sizeof(float), &model.bias));
    for (size_t key = 0; key < keys; key++) {
        for (uint32_t j = 0; j < factors; j++)
            model.rows[key * model.stride + j] = (float)(0.3 * test_normal(1, key * factors + j));
        model.bias[key] = (float)(0.2 * test_normal(2, key));
    }
    name_rows(&model.users, users, false);
    name_rows(&model.movies, movies, true);
    return model;
}

#endif
