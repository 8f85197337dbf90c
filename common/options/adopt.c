/*
 * The options of a replay: the command line's if given there; else the recorded run's if they decide its
 * losses; else (ranks, records) the ordinary ones.
 *
 *   argv, environment, option files -> options of 'replay' --+
 *   run.json -> settings ------------------------------------+-> options of 'train' -> checks
 *
 * The environment and option files hold a machine's usual settings; a replay repeats a recorded run, so only
 * the command line overrides the record.
 */
#include <string.h>

#include "common/options/check.h"
#include "common/options/value.h"

static enum cps_status take_over(struct cps_options *self, const char *where, const struct cps_option *option,
                                 const struct cps_option_setting *setting)
{
    const struct cps_option_origin origin = {setting->given ? CPS_SOURCE_RECORD : CPS_SOURCE_DEFAULT, where,
                                             setting->name};
    if (!setting->value)
        return cps_option_reset(self, option);
    enum cps_status status = cps_option_set(self, option, setting->value, &origin);
    return status == CPS_ERR_USAGE ? CPS_ERR_DATA : status;
}

/* Adds a line to differing if the command line gave option another value than the record. */
static enum cps_status compare(const struct cps_options *self, const struct cps_option *option,
                               const struct cps_option_setting *setting, struct cps_text *differing,
                               bool *differs)
{
    static const char none[] = "none";
    struct cps_text now = {0};
    enum cps_status status = cps_option_format(self, option, &now);
    const char *recorded = setting->value ? setting->value : none;
    *differs = status == CPS_OK && strcmp(recorded, now.data ? now.data : none) != 0;
    if (*differs)
        status = cps_text_add(differing, "--%s: recorded %s, now %s\n", option->name, recorded,
                              now.data ? now.data : none);
    cps_text_release(&now);
    return status;
}

/* Handles a recorded option unknown to this version. At its default it is accepted, and listed as differing,
 * since it may explain a difference in the losses. */
static enum cps_status meet_unknown(const char *where, const struct cps_option_setting *setting,
                                    struct cps_text *differing)
{
    if (!setting->given)
        return cps_text_add(differing, "--%.200s: recorded %.200s, its default, now unknown\n", setting->name,
                            setting->value ? setting->value : "none");
    cps_fail(CPS_ERR_DATA, "%sthe recorded option '%.200s' is unknown to collab-ps %s", where, setting->name,
             cps_version());
    return cps_hint(CPS_ERR_DATA, "replay it with the version of collab-ps that recorded it");
}

static enum cps_status adopt_one(struct cps_options *self, const char *where,
                                 const struct cps_option_setting *setting, struct cps_text *differing,
                                 bool *other_data)
{
    bool differs;
    const struct cps_option *option = cps_option_find(setting->name, strlen(setting->name), CPS_FOR(REPLAY));
    if (!option)
        return meet_unknown(where, setting, differing);
    bool is_kept = self->resume && option->kept;
    if (option->decides == CPS_DECIDES_NOTHING && !is_kept)
        return CPS_OK;
    if (self->sources[cps_option_index(option)] != CPS_SOURCE_COMMAND_LINE)
        return take_over(self, where, option, setting);
    if (is_kept)
        return CPS_OK;
    CPS_TRY(compare(self, option, setting, differing, &differs));
    *other_data = *other_data || (differs && option->decides == CPS_DECIDES_DATA);
    return CPS_OK;
}

/* Resets an option that is missing in the record, since it did not exist yet, to its default, regardless of
 * the environment. */
static enum cps_status forget_what_is_not_recorded(struct cps_options *self)
{
    for (size_t i = 0; i < cps_option_count; i++) {
        const struct cps_option *option = &cps_option_table[i];
        bool ours = option->commands & CPS_FOR(REPLAY) && option->decides != CPS_DECIDES_NOTHING;
        if (ours && self->sources[i] != CPS_SOURCE_COMMAND_LINE)
            CPS_TRY(cps_option_reset(self, option));
    }
    return CPS_OK;
}

/* Ratings that the recorded run found by itself yield to those given on the command line. */
static enum cps_status forget_what_was_found(struct cps_options *self)
{
    const struct cps_option *data = cps_option_find("data", 4, CPS_FOR(REPLAY));
    bool found = self->sources[cps_option_index(data)] == CPS_SOURCE_DEFAULT;
    return found && self->train ? cps_option_reset(self, data) : CPS_OK;
}

enum cps_status cps_options_adopt(struct cps_options *self, const char *where,
                                  const struct cps_option_setting *settings, size_t count,
                                  struct cps_text *differing, bool *other_data)
{
    *other_data = false;
    CPS_TRY(forget_what_is_not_recorded(self));
    for (size_t i = 0; i < count; i++)
        CPS_TRY(adopt_one(self, where, &settings[i], differing, other_data));
    CPS_TRY(forget_what_was_found(self));
    self->command = CPS_COMMAND_TRAIN;
    return cps_options_check(self);
}
