/*
 * The step log: coordinator, each step -> a line in memory -> steps.csv, an epoch at
 * a time. See step_log.h for why it is appended to and not replaced.
 */
#include "common/store/step_log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/store/run_folder.h"

#define COLUMNS "step,lr,mom,loss\n"

static enum cps_status log_error(const struct cps_step_log *self, int error)
{
    return cps_fail(CPS_ERR_STORAGE, "cannot write '%s': %s", self->path, strerror(error));
}

enum cps_status cps_step_log_open(struct cps_step_log *self, const struct cps_run_folder *folder)
{
    *self = (struct cps_step_log){.fd = -1};
    cps_run_folder_file(folder, "steps.csv", self->path);
    CPS_TRY(cps_file_replace(self->path, COLUMNS, strlen(COLUMNS)));
    self->fd = open(self->path, O_WRONLY | O_CLOEXEC);
    if (self->fd < 0)
        return log_error(self, errno);
    self->kept_bytes = strlen(COLUMNS);
    return CPS_OK;
}

enum cps_status cps_step_log_add(struct cps_step_log *self, uint64_t step, double lr, double mom, double loss)
{
    CPS_TRY(cps_text_add(&self->tail, "%llu,%.9g,%.9g,", (unsigned long long)step, lr, mom));
    return isnan(loss) ? cps_text_add(&self->tail, "nan\n") : cps_text_add(&self->tail, "%.9g\n", loss);
}

/* Writes the tail after the kept bytes; gives errno, or 0. */
static int write_tail(const struct cps_step_log *self)
{
    for (size_t done = 0; done < self->tail.length;) {
        ssize_t count = pwrite(self->fd, self->tail.data + done, self->tail.length - done,
                               (off_t)(self->kept_bytes + done));
        if (count < 0 && errno != EINTR)
            return errno;
        done += count < 0 ? 0 : (size_t)count;
    }
    return 0;
}

enum cps_status cps_step_log_flush(struct cps_step_log *self)
{
    int error = write_tail(self);
    if (error == 0) {
        self->kept_bytes += self->tail.length;
        cps_text_clear(&self->tail);
        return CPS_OK;
    }
    if (ftruncate(self->fd, (off_t)self->kept_bytes) != 0)
        return log_error(self, errno);
    return log_error(self, error);
}

enum cps_status cps_step_log_close(struct cps_step_log *self)
{
    if (self->fd < 0)
        return CPS_OK;
    enum cps_status status = cps_step_log_flush(self);
    if (status == CPS_OK && fsync(self->fd) != 0)
        status = log_error(self, errno);
    if (close(self->fd) != 0 && status == CPS_OK)
        status = log_error(self, errno);
    self->fd = -1;
    cps_text_release(&self->tail);
    return status;
}
