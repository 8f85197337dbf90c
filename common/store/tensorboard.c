/*
 * TensorBoard's event file; see tensorboard.h.
 *
 * recorder, each step and epoch -> Event on the stack -> packed by protobuf-c -> record in
 * memory -> flush -> tb/events.out.tfevents.…
 *
 * The data of the HPARAMS tab are messages packed into the metadata of summaries without a value: the
 * experiment (names of options and losses), the start of the session (this run's options) and its end.
 */
#include "common/store/tensorboard.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/crc32c.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/store/run_folder.h"
#include "proto/tensorboard.pb-c.h"

#define EVENT_FILE "events.out.tfevents."

enum { HEAD_BYTES = 12, FOOT_BYTES = 4 };

/* Losses that the HPARAMS tab shows beside the options. */
static const char *const metric_tags[] = {"epoch/valid_loss", "epoch/train_loss"};
enum { METRICS = sizeof metric_tags / sizeof metric_tags[0] };

static double seconds(uint64_t wall_us)
{
    return (double)wall_us * 1e-6;
}

/* CRCs are masked because the CRC of data that contain CRCs is a weak check. */
static uint32_t masked_crc(const void *bytes, size_t count)
{
    uint32_t crc = cps_crc32c(bytes, count);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static enum cps_status add_event(struct cps_tensorboard *self, const Tensorboard__Event *event)
{
    uint64_t size = tensorboard__event__get_packed_size(event);
    size_t bytes = HEAD_BYTES + size + FOOT_BYTES;
    CPS_TRY(cps_grow("a TensorBoard record", &self->record, &self->record_capacity, bytes, 1));
    uint8_t *head = self->record, *data = head + HEAD_BYTES;
    tensorboard__event__pack(event, data);
    uint32_t head_crc = masked_crc(&size, sizeof size), data_crc = masked_crc(data, size);
    memcpy(head, &size, sizeof size);
    memcpy(head + sizeof size, &head_crc, sizeof head_crc);
    memcpy(data + size, &data_crc, sizeof data_crc);
    return cps_text_add_bytes(&self->file.tail, self->record, bytes);
}

static enum cps_status add_value(struct cps_tensorboard *self, uint64_t wall_us, uint64_t step,
                                 Tensorboard__SummaryValue *value)
{
    Tensorboard__Summary summary = TENSORBOARD__SUMMARY__INIT;
    Tensorboard__Event event = TENSORBOARD__EVENT__INIT;
    summary.n_value = 1;
    summary.value = &value;
    event.wall_time = seconds(wall_us);
    event.step = (int64_t)step;
    event.what_case = TENSORBOARD__EVENT__WHAT_SUMMARY;
    event.summary = &summary;
    return add_event(self, &event);
}

enum cps_status cps_tensorboard_scalar(struct cps_tensorboard *self, uint64_t wall_us, uint64_t step,
                                       const char *tag, double value)
{
    Tensorboard__SummaryValue scalar = TENSORBOARD__SUMMARY_VALUE__INIT;
    scalar.tag = (char *)(uintptr_t)tag; /* read only: packed, never freed */
    scalar.value_case = TENSORBOARD__SUMMARY_VALUE__VALUE_SIMPLE_VALUE;
    scalar.simple_value = (float)value;
    return add_value(self, wall_us, step, &scalar);
}

/* ---- the HPARAMS tab ---- */

static enum cps_status add_plugin_data(struct cps_tensorboard *self, uint64_t wall_us, char *tag,
                                       const Tensorboard__HParamsPluginData *content)
{
    static char plugin_name[] = "hparams";
    Tensorboard__PluginData plugin = TENSORBOARD__PLUGIN_DATA__INIT;
    Tensorboard__SummaryMetadata metadata = TENSORBOARD__SUMMARY_METADATA__INIT;
    Tensorboard__SummaryValue value = TENSORBOARD__SUMMARY_VALUE__INIT;
    plugin.plugin_name = plugin_name;
    plugin.content.len = tensorboard__hparams_plugin_data__get_packed_size(content);
    CPS_TRY(cps_alloc("TensorBoard's options", plugin.content.len, 1, &plugin.content.data));
    tensorboard__hparams_plugin_data__pack(content, plugin.content.data);
    metadata.plugin_data = &plugin;
    value.tag = tag;
    value.metadata = &metadata;
    enum cps_status status = add_value(self, wall_us, 0, &value);
    free(plugin.content.data);
    return status;
}

/* An option in the two messages that contain it. */
struct hparam {
    Tensorboard__HParamInfo info;
    Tensorboard__HParam entry;
    Tensorboard__HParamValue value;
    char text[256];
};

/* Protobuf's strings are UTF-8; an option may be any bytes. */
static void copy_ascii(char *out, size_t bytes, const char *text)
{
    snprintf(out, bytes, "%s", text);
    for (; *out; out++)
        if ((unsigned char)*out >= 0x80)
            *out = '?';
}

static void fill_hparam(struct hparam *self, const struct cps_tensorboard_option *option)
{
    char *name = (char *)(uintptr_t)option->name; /* read only */
    double number;
    bool is_number = cps_text_to_double(option->value, &number);
    tensorboard__hparam_info__init(&self->info);
    tensorboard__hparam__init(&self->entry);
    tensorboard__hparam_value__init(&self->value);
    self->info.name = self->entry.key = name;
    self->entry.value = &self->value;
    if (is_number) {
        self->info.type = TENSORBOARD__DATA_TYPE__DATA_TYPE_FLOAT64;
        self->value.kind_case = TENSORBOARD__HPARAM_VALUE__KIND_NUMBER_VALUE;
        self->value.number_value = number;
    } else {
        copy_ascii(self->text, sizeof self->text, option->value);
        self->info.type = TENSORBOARD__DATA_TYPE__DATA_TYPE_STRING;
        self->value.kind_case = TENSORBOARD__HPARAM_VALUE__KIND_STRING_VALUE;
        self->value.string_value = self->text;
    }
}

static enum cps_status add_experiment(struct cps_tensorboard *self, uint64_t wall_us,
                                      Tensorboard__HParamInfo **infos, size_t count)
{
    static char tag[] = "_hparams_/experiment";
    Tensorboard__MetricName name[METRICS];
    Tensorboard__MetricInfo metric[METRICS], *metrics[METRICS];
    for (int i = 0; i < METRICS; i++) {
        tensorboard__metric_name__init(&name[i]);
        tensorboard__metric_info__init(&metric[i]);
        name[i].tag = (char *)(uintptr_t)metric_tags[i];
        metric[i].name = &name[i];
        metrics[i] = &metric[i];
    }
    Tensorboard__Experiment experiment = TENSORBOARD__EXPERIMENT__INIT;
    experiment.time_created_secs = seconds(wall_us);
    experiment.n_hparam_infos = count;
    experiment.hparam_infos = infos;
    experiment.n_metric_infos = METRICS;
    experiment.metric_infos = metrics;
    Tensorboard__HParamsPluginData data = TENSORBOARD__HPARAMS_PLUGIN_DATA__INIT;
    data.data_case = TENSORBOARD__HPARAMS_PLUGIN_DATA__DATA_EXPERIMENT;
    data.experiment = &experiment;
    return add_plugin_data(self, wall_us, tag, &data);
}

static enum cps_status add_session_start(struct cps_tensorboard *self, uint64_t wall_us,
                                         Tensorboard__HParam **entries, size_t count)
{
    static char tag[] = "_hparams_/session_start_info";
    Tensorboard__SessionStartInfo start = TENSORBOARD__SESSION_START_INFO__INIT;
    Tensorboard__HParamsPluginData data = TENSORBOARD__HPARAMS_PLUGIN_DATA__INIT;
    start.n_hparams = count;
    start.hparams = entries;
    start.start_time_secs = seconds(wall_us);
    data.data_case = TENSORBOARD__HPARAMS_PLUGIN_DATA__DATA_SESSION_START_INFO;
    data.session_start_info = &start;
    return add_plugin_data(self, wall_us, tag, &data);
}

static enum cps_status add_options(struct cps_tensorboard *self, uint64_t wall_us,
                                   const struct cps_tensorboard_option *options, size_t count)
{
    struct hparam *hparams = NULL;
    Tensorboard__HParamInfo **infos = NULL;
    Tensorboard__HParam **entries = NULL;
    enum cps_status status = cps_alloc("TensorBoard's options", count, sizeof *hparams, &hparams);
    if (status == CPS_OK)
        status = cps_alloc("TensorBoard's options", count, sizeof *infos, &infos);
    if (status == CPS_OK)
        status = cps_alloc("TensorBoard's options", count, sizeof *entries, &entries);
    for (size_t i = 0; status == CPS_OK && i < count; i++) {
        fill_hparam(&hparams[i], &options[i]);
        infos[i] = &hparams[i].info;
        entries[i] = &hparams[i].entry;
    }
    if (status == CPS_OK)
        status = add_experiment(self, wall_us, infos, count);
    if (status == CPS_OK)
        status = add_session_start(self, wall_us, entries, count);
    free(hparams);
    free(infos);
    free(entries);
    return status;
}

enum cps_status cps_tensorboard_end(struct cps_tensorboard *self, uint64_t wall_us, bool went_well)
{
    static char tag[] = "_hparams_/session_end_info";
    Tensorboard__SessionEndInfo end = TENSORBOARD__SESSION_END_INFO__INIT;
    Tensorboard__HParamsPluginData data = TENSORBOARD__HPARAMS_PLUGIN_DATA__INIT;
    end.status = went_well ? TENSORBOARD__STATUS__STATUS_SUCCESS : TENSORBOARD__STATUS__STATUS_FAILURE;
    end.end_time_secs = seconds(wall_us);
    data.data_case = TENSORBOARD__HPARAMS_PLUGIN_DATA__DATA_SESSION_END_INFO;
    data.session_end_info = &end;
    return add_plugin_data(self, wall_us, tag, &data);
}

/* ---- the file ---- */

static enum cps_status remove_former(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return cps_fail(CPS_ERR_STORAGE, "cannot read '%s': %s", path, strerror(errno));
    enum cps_status status = CPS_OK;
    for (struct dirent *entry; status == CPS_OK && (entry = readdir(folder));)
        if (strncmp(entry->d_name, EVENT_FILE, strlen(EVENT_FILE)) == 0 &&
            unlinkat(dirfd(folder), entry->d_name, 0) != 0)
            status =
                cps_fail(CPS_ERR_STORAGE, "cannot remove '%s/%s': %s", path, entry->d_name, strerror(errno));
    closedir(folder);
    return status;
}

static enum cps_status open_file(struct cps_tensorboard *self, const char *folder, uint64_t wall_us)
{
    char host[64] = "", path[CPS_RUN_FILE_BYTES + 256];
    gethostname(host, sizeof host - 1);
    snprintf(path, sizeof path, "%s/" EVENT_FILE "%010llu.%s.%ld", folder,
             (unsigned long long)wall_us / 1000000, host, (long)getpid());
    return cps_append_file_open(&self->file, path, "", 0);
}

static enum cps_status add_version(struct cps_tensorboard *self, uint64_t wall_us)
{
    static char version[] = "brain.Event:2";
    Tensorboard__Event event = TENSORBOARD__EVENT__INIT;
    event.wall_time = seconds(wall_us);
    event.what_case = TENSORBOARD__EVENT__WHAT_FILE_VERSION;
    event.file_version = version;
    return add_event(self, &event);
}

enum cps_status cps_tensorboard_open(struct cps_tensorboard *self, const struct cps_run_folder *folder,
                                     uint64_t wall_us, const struct cps_tensorboard_option *options,
                                     size_t count)
{
    char path[CPS_RUN_FILE_BYTES];
    *self = (struct cps_tensorboard){.file.fd = -1};
    cps_run_folder_file(folder, "tb", path);
    CPS_TRY(cps_make_folders(path));
    CPS_TRY(remove_former(path));
    CPS_TRY(open_file(self, path, wall_us));
    CPS_TRY(add_version(self, wall_us));
    CPS_TRY(add_options(self, wall_us, options, count));
    return cps_append_file_flush(&self->file);
}

enum cps_status cps_tensorboard_continue(struct cps_tensorboard *self, const struct cps_run_folder *folder,
                                         const char *name, uint64_t bytes, uint64_t wall_us, bool *is_short)
{
    char path[CPS_RUN_FILE_BYTES];
    struct stat info;
    *self = (struct cps_tensorboard){.file.fd = -1};
    cps_run_folder_file(folder, name, path);
    *is_short = stat(path, &info) != 0 || (uint64_t)info.st_size < bytes;
    if (!*is_short)
        return cps_append_file_continue(&self->file, path, bytes, is_short);
    cps_run_folder_file(folder, "tb", path);
    CPS_TRY(cps_make_folders(path));
    CPS_TRY(open_file(self, path, wall_us));
    CPS_TRY(add_version(self, wall_us));
    return cps_append_file_flush(&self->file);
}

const char *cps_tensorboard_name(const struct cps_tensorboard *self)
{
    const char *name = strstr(self->file.path, "tb/" EVENT_FILE);
    for (const char *next = name; next; next = strstr(next + 1, "tb/" EVENT_FILE))
        name = next;
    return name ? name : "";
}

enum cps_status cps_tensorboard_flush(struct cps_tensorboard *self)
{
    return cps_append_file_flush(&self->file);
}

enum cps_status cps_tensorboard_close(struct cps_tensorboard *self)
{
    free(self->record);
    self->record = NULL;
    self->record_capacity = 0;
    return cps_append_file_close(&self->file);
}
