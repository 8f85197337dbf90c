/* A text file -> pairs of fields; see pairs.h. */
#include "deploy/cli/pairs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const separators[] = {"\t", "::", ";", ",", NULL};

static enum cps_status read_all(FILE *file, const char *path, struct cps_text *out)
{
    char piece[65536];
    size_t count;
    while ((count = fread(piece, 1, sizeof piece, file)) > 0)
        CPS_TRY(cps_text_add_bytes(out, piece, count));
    if (ferror(file))
        return cps_fail(CPS_ERR_DATA, "cannot read '%s': %s", path, strerror(errno));
    return cps_text_add_bytes(out, "", 1); /* so that data is never NULL */
}

static void choose_separator(struct cps_pairs *self)
{
    size_t length = strcspn(self->text.data, "\n");
    for (size_t i = 0; separators[i]; i++) {
        const char *found = strstr(self->text.data, separators[i]);
        if (found && (size_t)(found - self->text.data) < length) {
            self->separator = separators[i];
            return;
        }
    }
    self->separator = separators[0];
}

enum cps_status cps_pairs_open(const char *path, bool last, struct cps_pairs *out)
{
    bool standard = strcmp(path, "-") == 0;
    struct cps_pairs self = {.path = standard ? "standard input" : path, .last = last};
    FILE *file = standard ? stdin : fopen(path, "re");
    if (!file)
        return cps_fail(CPS_ERR_DATA, "cannot read '%s': %s", path, strerror(errno));
    enum cps_status status = read_all(file, self.path, &self.text);
    if (!standard)
        fclose(file);
    if (status == CPS_OK && strlen(self.text.data) + 1 < self.text.length)
        status = cps_fail(CPS_ERR_DATA, "'%s' has a NUL byte and is not a text file", self.path);
    if (status != CPS_OK) {
        cps_text_release(&self.text);
        return status;
    }
    choose_separator(&self);
    self.next = self.text.data;
    *out = self;
    return CPS_OK;
}

void cps_pairs_close(struct cps_pairs *self)
{
    cps_text_release(&self->text);
}

/* Removes blanks and quotes at both ends, in place. */
static char *trim(char *field)
{
    field += strspn(field, " \t\r");
    size_t length = strlen(field);
    while (length && strchr(" \t\r", field[length - 1]))
        field[--length] = '\0';
    if (length >= 2 && field[0] == '"' && field[length - 1] == '"') {
        field[length - 1] = '\0';
        field++;
    }
    return field;
}

static char *find_separator(const struct cps_pairs *self, char *line)
{
    char *found = strstr(line, self->separator);
    for (char *next = found; self->last && next; next = strstr(next + 1, self->separator))
        found = next;
    return found;
}

enum cps_status cps_pairs_next(struct cps_pairs *self, const char **first, const char **second, bool *found)
{
    *found = false;
    while (*self->next) {
        char *line = (char *)(uintptr_t)self->next;
        size_t length = strcspn(line, "\n");
        self->next = line + length + (line[length] == '\n');
        line[length] = '\0';
        self->line++;
        if (strspn(line, " \t\r") == strlen(line))
            continue;
        char *separator = find_separator(self, line);
        if (!separator) {
            cps_fail(CPS_ERR_DATA, "'%s:%u': one field where two should be", self->path, self->line);
            return cps_hint(CPS_ERR_DATA, "a tab, '::', ';' or ',' parts them");
        }
        *separator = '\0';
        *first = trim(line);
        *second = trim(separator + strlen(self->separator));
        *found = true;
        return CPS_OK;
    }
    return CPS_OK;
}
