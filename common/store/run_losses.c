/*
 * history.csv, steps.csv and metrics.jsonl -> the losses of a run; see run_losses.h. The files may have been
 * edited and are not trusted: every number is either valid as a whole or refused with its file and line.
 */
#include "common/store/run_losses.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/text.h"

enum { LINE_BYTES = 1024, FIELDS = 64 };

static const char STEP_LOSS[] = "step/loss"; /* the name of step losses in metrics.jsonl */

/* ---- complete lines of a file ---- */

struct lines {
    const char *path, *next, *end;
    size_t number; /* of the line last read, from 1 */
    char line[LINE_BYTES];
};

static struct lines lines_of(const char *path, const char *text, size_t size)
{
    return (struct lines){.path = path, .next = text, .end = text ? text + size : NULL};
}

static enum cps_status broken(const struct lines *self, const char *why)
{
    return cps_fail(CPS_ERR_DATA, "'%s' is broken: line %zu %s", self->path, self->number, why);
}

/* Reads the next complete line into self->line, without its newline; *more is false at the end. */
static enum cps_status next_line(struct lines *self, bool *more)
{
    const char *newline =
        self->next < self->end ? memchr(self->next, '\n', (size_t)(self->end - self->next)) : NULL;
    *more = newline != NULL;
    if (!newline)
        return CPS_OK;
    size_t length = (size_t)(newline - self->next);
    self->number++;
    if (length >= sizeof self->line || memchr(self->next, '\0', length))
        return broken(self, "is too long, or no text");
    memcpy(self->line, self->next, length);
    length -= length > 0 && self->line[length - 1] == '\r';
    self->line[length] = '\0';
    self->next = newline + 1;
    return CPS_OK;
}

/* ---- csv: a header that names the columns, then numbers ---- */

/* Splits line at its commas. */
static size_t split(char *line, char *fields[FIELDS])
{
    size_t count = 0;
    for (char *rest = line, *field; count < FIELDS && (field = strsep(&rest, ","));)
        fields[count++] = field;
    return count;
}

/* Finds the NULL-terminated columns in the header, which is the first line. */
static enum cps_status find_columns(struct lines *lines, const char *const *columns, size_t *places, bool *any)
{
    char *fields[FIELDS];
    CPS_TRY(next_line(lines, any));
    if (!*any)
        return CPS_OK;
    size_t count = split(lines->line, fields);
    for (; *columns; columns++, places++) {
        for (*places = 0; *places < count && strcmp(fields[*places], *columns) != 0;)
            ++*places;
        if (*places == count)
            return cps_fail(CPS_ERR_DATA, "'%s' is broken: it has no column '%s'", lines->path, *columns);
    }
    return CPS_OK;
}

/* Reads a loss as the records write it, which may be infinite or NaN if training diverged. */
static bool read_loss(const char *text, double *out)
{
    if (strcmp(text, "nan") == 0)
        *out = (double)NAN;
    else if (strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0)
        *out = text[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    else
        return cps_text_to_double(text, out);
    return true;
}

/* Reads the fields at places from the next line; *more is false at the end. */
static enum cps_status next_row(struct lines *lines, const size_t *places, size_t count, const char **out,
                                bool *more)
{
    char *fields[FIELDS];
    CPS_TRY(next_line(lines, more));
    if (!*more)
        return CPS_OK;
    size_t found = split(lines->line, fields);
    for (size_t i = 0; i < count; i++) {
        if (places[i] >= found)
            return broken(lines, "has too few columns");
        out[i] = fields[places[i]];
    }
    return CPS_OK;
}

/* fields: epoch, train_loss, valid_loss, steps. Steps are counted from the start of the run. */
static bool read_epoch(const struct cps_history *before, const char *const fields[4],
                       struct cps_epoch_record *out)
{
    uint64_t number, steps_before = before->count ? before->epochs[before->count - 1].steps : 0;
    *out = (struct cps_epoch_record){.has_valid = fields[2][0] != '\0'};
    if (!cps_text_to_u64(fields[0], &number) || number != before->count || number > UINT32_MAX)
        return false;
    out->epoch = (uint32_t)number;
    return read_loss(fields[1], &out->train_loss) &&
           (!out->has_valid || read_loss(fields[2], &out->valid_loss)) &&
           cps_text_to_u64(fields[3], &out->steps) && out->steps >= steps_before;
}

enum cps_status cps_run_losses_history(struct cps_run_reader *self, const char *path, const char *text,
                                       size_t size)
{
    static const char *const columns[] = {"epoch", "train_loss", "valid_loss", "steps", NULL};
    size_t places[4];
    const char *fields[4] = {0};
    bool more;
    struct lines lines = lines_of(path, text, size);
    CPS_TRY(find_columns(&lines, columns, places, &more));
    while (more) {
        struct cps_epoch_record epoch;
        CPS_TRY(next_row(&lines, places, 4, fields, &more));
        if (!more)
            break;
        if (!read_epoch(&self->history, fields, &epoch))
            return broken(&lines, "is not the next epoch's");
        CPS_TRY(cps_history_add(&self->history, &epoch));
    }
    return CPS_OK;
}

static enum cps_status add_step(struct cps_run_reader *self, const struct lines *lines, uint64_t step,
                                double loss)
{
    if (step != self->loss_count)
        return broken(lines, "is not the next step's");
    CPS_TRY(
        cps_grow("recorded losses", &self->losses, &self->loss_capacity, self->loss_count + 1, sizeof loss));
    self->losses[self->loss_count++] = loss;
    return CPS_OK;
}

enum cps_status cps_run_losses_steps(struct cps_run_reader *self, const char *path, const char *text,
                                     size_t size)
{
    static const char *const columns[] = {"step", "loss", NULL};
    size_t places[2];
    const char *fields[2] = {0};
    bool more;
    struct lines lines = lines_of(path, text, size);
    CPS_TRY(find_columns(&lines, columns, places, &more));
    while (more) {
        uint64_t step;
        double loss;
        CPS_TRY(next_row(&lines, places, 2, fields, &more));
        if (!more)
            break;
        if (!cps_text_to_u64(fields[0], &step) || !read_loss(fields[1], &loss))
            return broken(&lines, "is not the next step's");
        CPS_TRY(add_step(self, &lines, step, loss));
    }
    return CPS_OK;
}

/* ---- metrics.jsonl: one event per line, of which only step losses are used ---- */

static enum cps_status read_event(struct cps_run_reader *self, struct lines *lines, const json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "name"));
    const json_t *step = json_object_get(event, "step"), *value = json_object_get(event, "value");
    if (!name || strcmp(name, STEP_LOSS) != 0)
        return CPS_OK;
    if (!json_is_integer(step) || (!json_is_number(value) && !json_is_null(value)))
        return broken(lines, "is not the next step's");
    return add_step(self, lines, (uint64_t)json_integer_value(step),
                    json_is_null(value) ? (double)NAN : json_number_value(value));
}

enum cps_status cps_run_losses_metrics(struct cps_run_reader *self, const char *path, const char *text,
                                       size_t size)
{
    struct lines lines = lines_of(path, text, size);
    for (;;) {
        bool more;
        CPS_TRY(next_line(&lines, &more));
        if (!more)
            return CPS_OK;
        json_t *event = json_loads(lines.line, 0, NULL);
        enum cps_status status = event ? read_event(self, &lines, event) : broken(&lines, "is no event");
        json_decref(event);
        CPS_TRY(status);
    }
}
