/* Ratings of a new person -> a row; see fold_in.h. */
#include "common/inference/fold_in.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/numeric.h"

enum { STEPS = 50, HALVINGS = 30 };

struct cps_fold_in {
    const struct cps_trained *model;
    double noise;
    uint32_t size;                            /* of x: factors, and the bias where there is one */
    double *mean;                             /* [size] */
    double *precision;                        /* [size][size]: the inverse of the covariance */
    double *matrix, *gradient, *x, *next, *z; /* work */
};

/* ---- linear algebra ---- */

/* Cholesky: the lower triangle of a becomes L with a = L·Lᵀ. False when a is not positive definite. */
static bool factorise(double *a, uint32_t n)
{
    for (uint32_t j = 0; j < n; j++) {
        double *row = a + (size_t)j * n;
        for (uint32_t k = 0; k < j; k++)
            row[j] -= row[k] * row[k];
        if (!(row[j] > 0))
            return false;
        row[j] = sqrt(row[j]);
        for (uint32_t i = j + 1; i < n; i++) {
            double *below = a + (size_t)i * n;
            for (uint32_t k = 0; k < j; k++)
                below[j] -= below[k] * row[k];
            below[j] /= row[j];
        }
    }
    return true;
}

/* b becomes the solution of L·Lᵀ·x = b. */
static void solve(const double *l, uint32_t n, double *b)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < i; k++)
            b[i] -= l[(size_t)i * n + k] * b[k];
        b[i] /= l[(size_t)i * n + i];
    }
    for (uint32_t i = n; i-- > 0;) {
        for (uint32_t k = i + 1; k < n; k++)
            b[i] -= l[(size_t)k * n + i] * b[k];
        b[i] /= l[(size_t)i * n + i];
    }
}

/* ---- the users' distribution ---- */

static double element(const struct cps_fold_in *self, uint32_t user, uint32_t j)
{
    const struct cps_trained *model = self->model;
    return j < model->plan.factors ? (double)cps_trained_row(model, user)[j] : (double)model->bias[user];
}

static void find_mean(struct cps_fold_in *self)
{
    uint32_t users = self->model->plan.user_rows;
    for (uint32_t user = 1; user < users; user++)
        for (uint32_t j = 0; j < self->size; j++)
            self->mean[j] += element(self, user, j) / (users - 1);
}

/* The covariance, with a fraction of its mean variance added to the diagonal, so that it is invertible even
 * with few users or identical factors. */
static void find_covariance(struct cps_fold_in *self, double *covariance)
{
    uint32_t users = self->model->plan.user_rows, n = self->size;
    double trace = 0;
    for (uint32_t user = 1; user < users; user++) {
        for (uint32_t i = 0; i < n; i++)
            self->z[i] = element(self, user, i) - self->mean[i];
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; j <= i; j++)
                covariance[(size_t)i * n + j] += self->z[i] * self->z[j] / (users - 1);
    }
    for (uint32_t i = 0; i < n; i++)
        trace += covariance[(size_t)i * n + i];
    for (uint32_t i = 0; i < n; i++)
        covariance[(size_t)i * n + i] += 0.01 * trace / n + 1e-12;
}

static enum cps_status invert(struct cps_fold_in *self, double *covariance)
{
    uint32_t n = self->size;
    if (!factorise(covariance, n))
        return cps_fail(CPS_ERR_DATA, "the users of the model have no distribution: are its weights numbers?");
    for (uint32_t j = 0; j < n; j++) {
        memset(self->gradient, 0, n * sizeof *self->gradient);
        self->gradient[j] = 1;
        solve(covariance, n, self->gradient);
        for (uint32_t i = 0; i < n; i++)
            self->precision[(size_t)i * n + j] = self->gradient[i];
    }
    return CPS_OK;
}

static enum cps_status prepare(struct cps_fold_in *self)
{
    size_t n = self->size;
    double **vectors[] = {&self->mean, &self->gradient, &self->x, &self->next, &self->z};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        CPS_TRY(cps_alloc("a person's row", n, sizeof(double), vectors[i]));
    CPS_TRY(cps_alloc("a covariance", n * n, sizeof(double), &self->precision));
    CPS_TRY(cps_alloc("a covariance", n * n, sizeof(double), &self->matrix));
    if (self->model->plan.user_rows < 2)
        return cps_fail(CPS_ERR_DATA, "the model has no users to learn from");
    find_mean(self);
    find_covariance(self, self->matrix);
    return invert(self, self->matrix);
}

enum cps_status cps_fold_in_create(const struct cps_trained *model, double noise, struct cps_fold_in **out)
{
    struct cps_fold_in *self;
    CPS_TRY(cps_alloc("a fold-in", 1, sizeof *self, &self));
    self->model = model;
    self->noise = noise;
    self->size = cps_plan_row_width(&model->plan);
    enum cps_status status = prepare(self);
    if (status != CPS_OK) {
        cps_fold_in_destroy(&self);
        return status;
    }
    *out = self;
    return CPS_OK;
}

void cps_fold_in_destroy(struct cps_fold_in **self)
{
    if (!*self)
        return;
    double *owned[] = {(*self)->mean, (*self)->precision, (*self)->matrix, (*self)->gradient,
                       (*self)->x,    (*self)->next,      (*self)->z};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    free(*self);
    *self = NULL;
}

/* ---- the row ---- */

/* Computes z of a movie; returns the part of the score that does not depend on x, the movie's bias. */
static double direction(const struct cps_fold_in *self, uint32_t movie, double *z)
{
    const struct cps_trained *model = self->model;
    uint32_t key = cps_plan_movie_key(&model->plan, movie), factors = model->plan.factors;
    for (uint32_t j = 0; j < factors; j++)
        z[j] = (double)cps_trained_row(model, key)[j];
    if (self->size > factors)
        z[factors] = 1;
    return (double)model->bias[key];
}

static double predict(const struct cps_plan *plan, double score, double *slope)
{
    score += (double)plan->offset;
    if (!plan->has_range) {
        *slope = 1;
        return score;
    }
    double low = (double)plan->range_low, span = (double)plan->range_high - low,
           share = 1 / (1 + cps_exp(-score));
    *slope = span * share * (1 - share);
    return low + span * share;
}

struct ratings {
    const uint32_t *movie;
    const float *rating;
    size_t count;
};

/* The objective; with derivatives also half its gradient and the Gauss-Newton matrix. */
static double objective(struct cps_fold_in *self, const struct ratings *given, const double *x,
                        bool derivatives)
{
    uint32_t n = self->size;
    double sum = 0, slope;
    if (derivatives)
        memcpy(self->matrix, self->precision, (size_t)n * n * sizeof *self->matrix);
    for (uint32_t i = 0; i < n; i++) {
        double pull = 0;
        for (uint32_t j = 0; j < n; j++)
            pull += self->precision[(size_t)i * n + j] * (x[j] - self->mean[j]);
        sum += pull * (x[i] - self->mean[i]);
        if (derivatives)
            self->gradient[i] = pull;
    }
    for (size_t r = 0; r < given->count; r++) {
        double score = direction(self, given->movie[r], self->z);
        for (uint32_t j = 0; j < n; j++)
            score += x[j] * self->z[j];
        double error = predict(&self->model->plan, score, &slope) - (double)given->rating[r];
        sum += error * error / self->noise;
        for (uint32_t i = 0; derivatives && i < n; i++) {
            self->gradient[i] += error * slope * self->z[i] / self->noise;
            for (uint32_t j = 0; j <= i; j++)
                self->matrix[(size_t)i * n + j] += slope * slope * self->z[i] * self->z[j] / self->noise;
        }
    }
    return sum;
}

/* One descent step from x; false if none, or only a negligible one, decreases the objective. */
static bool descend(struct cps_fold_in *self, const struct ratings *given)
{
    double now = objective(self, given, self->x, true), share = 1;
    if (!factorise(self->matrix, self->size))
        return false;
    solve(self->matrix, self->size, self->gradient);
    for (int halving = 0; halving < HALVINGS; halving++, share /= 2) {
        for (uint32_t j = 0; j < self->size; j++)
            self->next[j] = self->x[j] - share * self->gradient[j];
        double then = objective(self, given, self->next, false);
        if (then >= now)
            continue;
        memcpy(self->x, self->next, self->size * sizeof *self->x);
        return now - then > 1e-12 * now;
    }
    return false;
}

enum cps_status cps_fold_in_solve(struct cps_fold_in *self, const uint32_t *movie_rows, const float *ratings,
                                  size_t count, float *factors, float *bias)
{
    const struct ratings given = {movie_rows, ratings, count};
    uint32_t width = self->model->plan.factors;
    memcpy(self->x, self->mean, self->size * sizeof *self->x);
    for (int step = 0; step < STEPS && descend(self, &given); step++)
        ;
    for (uint32_t j = 0; j < width; j++)
        factors[j] = (float)self->x[j];
    *bias = self->size > width ? (float)self->x[width] : 0;
    return CPS_OK;
}
