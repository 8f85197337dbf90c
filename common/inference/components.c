/* Rows of movies -> covariance -> its eigenvectors -> coordinates; see components.h. */
#include "common/inference/components.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/memory.h"

enum { SWEEPS = 60 };

struct components {
    const struct cps_trained *model;
    uint32_t n;        /* factors */
    double *mean;      /* [n] */
    double *matrix;    /* [n][n]: the covariance, in the end its eigenvalues on the diagonal */
    double *direction; /* [n][n]: eigenvectors, one a column */
};

static double centred(const struct components *self, uint32_t movie, uint32_t j)
{
    return (double)cps_trained_row(self->model, cps_plan_movie_key(&self->model->plan, movie))[j] -
           self->mean[j];
}

static void find_covariance(struct components *self, const uint32_t *movies, uint32_t count)
{
    uint32_t n = self->n;
    for (uint32_t r = 0; r < count; r++)
        for (uint32_t j = 0; j < n; j++)
            self->mean[j] +=
                (double)cps_trained_row(self->model, cps_plan_movie_key(&self->model->plan, movies[r]))[j] /
                count;
    for (uint32_t r = 0; r < count; r++)
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; j < n; j++)
                self->matrix[(size_t)i * n + j] +=
                    centred(self, movies[r], i) * centred(self, movies[r], j) / count;
    for (uint32_t i = 0; i < n; i++)
        self->direction[(size_t)i * n + i] = 1;
}

/* Rotates elements k of two rows or columns. */
static void turn(double *a, double *b, double c, double s)
{
    double was = *a;
    *a = c * was - s * *b;
    *b = s * was + c * *b;
}

/* Eliminates element (p, q) by a rotation. */
static void rotate(struct components *self, uint32_t p, uint32_t q)
{
    uint32_t n = self->n;
    double *m = self->matrix, apq = m[(size_t)p * n + q];
    double theta = (m[(size_t)q * n + q] - m[(size_t)p * n + p]) / (2 * apq);
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (uint32_t k = 0; k < n; k++)
        turn(&m[(size_t)k * n + p], &m[(size_t)k * n + q], c, s);
    for (uint32_t k = 0; k < n; k++)
        turn(&m[(size_t)p * n + k], &m[(size_t)q * n + k], c, s);
    for (uint32_t k = 0; k < n; k++)
        turn(&self->direction[(size_t)k * n + p], &self->direction[(size_t)k * n + q], c, s);
}

static void diagonalise(struct components *self)
{
    uint32_t n = self->n;
    double trace = 0;
    for (uint32_t i = 0; i < n; i++)
        trace += self->matrix[(size_t)i * n + i];
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double largest = 0;
        for (uint32_t p = 0; p < n; p++) {
            for (uint32_t q = p + 1; q < n; q++) {
                double off = fabs(self->matrix[(size_t)p * n + q]);
                largest = fmax(largest, off);
                if (off > 1e-15 * trace)
                    rotate(self, p, q);
            }
        }
        if (largest <= 1e-14 * trace)
            return;
    }
}

/* The column with the largest eigenvalue not yet taken. */
static uint32_t take_largest(struct components *self, bool *taken)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < self->n; i++) {
        if (taken[i])
            continue;
        if (best == UINT32_MAX ||
            self->matrix[(size_t)i * self->n + i] > self->matrix[(size_t)best * self->n + best])
            best = i;
    }
    taken[best] = true;
    return best;
}

static double sign_of(const struct components *self, uint32_t column)
{
    double largest = 0;
    for (uint32_t j = 0; j < self->n; j++) {
        double value = self->direction[(size_t)j * self->n + column];
        if (fabs(value) > fabs(largest))
            largest = value;
    }
    return largest < 0 ? -1 : 1;
}

static enum cps_status project(struct components *self, const uint32_t *movies, uint32_t count, uint32_t wanted,
                               double *out, double *share)
{
    bool *taken;
    double trace = 0;
    CPS_TRY(cps_alloc("components", self->n, sizeof *taken, &taken));
    for (uint32_t i = 0; i < self->n; i++)
        trace += self->matrix[(size_t)i * self->n + i];
    for (uint32_t w = 0; w < wanted; w++) {
        uint32_t column = take_largest(self, taken);
        double sign = sign_of(self, column);
        share[w] = trace > 0 ? self->matrix[(size_t)column * self->n + column] / trace : 0;
        for (uint32_t r = 0; r < count; r++) {
            double sum = 0;
            for (uint32_t j = 0; j < self->n; j++)
                sum += centred(self, movies[r], j) * self->direction[(size_t)j * self->n + column];
            out[(size_t)r * wanted + w] = sign * sum;
        }
    }
    free(taken);
    return CPS_OK;
}

enum cps_status cps_components(const struct cps_trained *model, const uint32_t *movie_rows, uint32_t count,
                               uint32_t wanted, double *out, double *share)
{
    struct components self = {.model = model, .n = model->plan.factors};
    size_t n = self.n;
    if (wanted > self.n || count < 2)
        return cps_fail(CPS_ERR_DATA, "%u movies of %u factors have no %u components", count, self.n, wanted);
    enum cps_status status = cps_alloc("a mean", n, sizeof(double), &self.mean);
    if (status == CPS_OK)
        status = cps_alloc("a covariance", n * n, sizeof(double), &self.matrix);
    if (status == CPS_OK)
        status = cps_alloc("components", n * n, sizeof(double), &self.direction);
    if (status == CPS_OK) {
        find_covariance(&self, movie_rows, count);
        diagonalise(&self);
        status = project(&self, movie_rows, count, wanted, out, share);
    }
    free(self.mean);
    free(self.matrix);
    free(self.direction);
    return status;
}
