/* export: a model -> arrays for NumPy, tables, or the text format of word2vec. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "deploy/cli/session.h"
#include "deploy/cli/use.h"

/* One table of a model: users or movies. */
struct table {
    const struct cps_trained *model;
    const struct cps_row_names *names;
    const char *name;     /* "user" */
    uint32_t first, rows; /* keys */
};

typedef enum cps_status (*add_rows)(const struct table *table, struct cps_text *out);

static enum cps_status write_file(const char *folder, const char *name, const char *suffix, add_rows add,
                                  const struct table *table)
{
    char path[4096];
    struct cps_text text = {0};
    if (snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix) >= (int)sizeof path)
        return cps_fail(CPS_ERR_USAGE, "the path '%.100s…' is too long", folder);
    enum cps_status status = add(table, &text);
    if (status == CPS_OK)
        status = cps_file_replace(path, text.data, text.length);
    cps_text_release(&text);
    if (status == CPS_OK)
        printf("%s\n", path);
    return status;
}

/* ---- npy ---- */

/* NumPy's format 1.0: magic, version, length of the header, a Python literal padded so that the data begins at
 * a multiple of 64. */
static enum cps_status add_npy_header(struct cps_text *out, uint32_t rows, uint32_t columns)
{
    char header[128];
    int length = snprintf(header, sizeof header,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (%u, %u), }", rows, columns);
    size_t total = (10 + (size_t)length + 1 + 63) / 64 * 64;
    unsigned char start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(total - 10), 0};
    CPS_TRY(cps_text_add_bytes(out, start, sizeof start));
    return cps_text_add(out, "%s%*s\n", header, (int)(total - 10 - (size_t)length - 1), "");
}

static enum cps_status add_npy_factors(const struct table *table, struct cps_text *out)
{
    uint32_t factors = table->model->plan.factors;
    CPS_TRY(add_npy_header(out, table->rows, factors));
    for (uint32_t row = 0; row < table->rows; row++)
        CPS_TRY(cps_text_add_bytes(out, cps_trained_row(table->model, table->first + row),
                                   factors * sizeof(float)));
    return CPS_OK;
}

static enum cps_status add_npy_bias(const struct table *table, struct cps_text *out)
{
    CPS_TRY(add_npy_header(out, table->rows, 1));
    return cps_text_add_bytes(out, table->model->bias + table->first, table->rows * sizeof(float));
}

static enum cps_status export_npy(const struct table *table, const char *folder)
{
    char name[32];
    snprintf(name, sizeof name, "%s_factors", table->name);
    CPS_TRY(write_file(folder, name, ".npy", add_npy_factors, table));
    if (table->model->plan.model != CPS_MODEL_BIAS)
        return CPS_OK;
    snprintf(name, sizeof name, "%s_bias", table->name);
    return write_file(folder, name, ".npy", add_npy_bias, table);
}

/* ---- text ---- */

static enum cps_status add_values(const struct table *table, uint32_t row, char separator, struct cps_text *out)
{
    const float *values = cps_trained_row(table->model, table->first + row);
    for (uint32_t j = 0; j < table->model->plan.factors; j++)
        CPS_TRY(cps_text_add(out, "%c%.9g", separator, (double)values[j]));
    return CPS_OK;
}

/* A name as a cell or a word: characters that would end it are replaced by '_'. */
static enum cps_status add_name(struct cps_text *out, const char *name, const char *ends)
{
    for (; *name; name++)
        CPS_TRY(cps_text_add_bytes(out, strchr(ends, *name) ? "_" : name, 1));
    return CPS_OK;
}

static const char *title_of(const struct table *table, uint32_t row)
{
    return table->names->title ? table->names->title[row] : table->names->id[row];
}

/* row, id, title, bias, f0, f1, … with a header line. */
static enum cps_status add_tsv(const struct table *table, struct cps_text *out)
{
    CPS_TRY(cps_text_add(out, "row\tid\ttitle\tbias"));
    for (uint32_t j = 0; j < table->model->plan.factors; j++)
        CPS_TRY(cps_text_add(out, "\tf%u", j));
    for (uint32_t row = 0; row < table->rows; row++) {
        CPS_TRY(cps_text_add(out, "\n%u\t", row));
        CPS_TRY(add_name(out, table->names->id[row], "\t\n\r"));
        CPS_TRY(cps_text_add(out, "\t"));
        CPS_TRY(add_name(out, title_of(table, row), "\t\n\r"));
        CPS_TRY(cps_text_add(out, "\t%.9g", (double)table->model->bias[table->first + row]));
        CPS_TRY(add_values(table, row, '\t', out));
    }
    return cps_text_add(out, "\n");
}

/* "rows factors", then a name without blanks and its factors a line. */
static enum cps_status add_word2vec(const struct table *table, struct cps_text *out)
{
    CPS_TRY(cps_text_add(out, "%u %u\n", table->rows, table->model->plan.factors));
    for (uint32_t row = 0; row < table->rows; row++) {
        CPS_TRY(add_name(out, title_of(table, row), " \t\n\r"));
        CPS_TRY(add_values(table, row, ' ', out));
        CPS_TRY(cps_text_add(out, "\n"));
    }
    return CPS_OK;
}

static enum cps_status export_table(const struct cps_options *options, const struct table *table)
{
    char name[32];
    snprintf(name, sizeof name, "%ss", table->name);
    if (options->npy)
        CPS_TRY(export_npy(table, options->out));
    if (options->tsv)
        CPS_TRY(write_file(options->out, name, "-factors.tsv", add_tsv, table));
    if (options->word2vec)
        CPS_TRY(write_file(options->out, name, ".word2vec.txt", add_word2vec, table));
    return CPS_OK;
}

enum cps_status cps_use_export(const struct cps_options *options)
{
    struct cps_session session;
    enum cps_status status = cps_session_open(options, CPS_RATINGS_UNUSED, &session);
    if (status == CPS_OK)
        status = cps_make_folders(options->out);
    if (status == CPS_OK) {
        const struct cps_trained *model = &session.model;
        const struct table users = {model, &model->users, "user", 0, model->plan.user_rows};
        const struct table movies = {model, &model->movies, "movie", model->plan.user_rows,
                                     model->plan.movie_rows};
        status = export_table(options, &users);
        if (status == CPS_OK)
            status = export_table(options, &movies);
    }
    cps_session_close(&session);
    return status;
}
