/*
 * Completion for bash, from the option table: 'source <(collab-ps help --completion)'.
 * Option names follow the command; values are choices, files or folders by the
 * option's argument. A script gets a function of its own, since its options may share
 * names, but not meanings, with those of the table.
 */
#include <string.h>

#include "common/options/pages.h"

static enum cps_status add_names(struct cps_text *out, enum cps_command command)
{
    CPS_TRY(cps_text_add(out, "    %s) names='", cps_command_names[command]));
    for (size_t i = 0; i < cps_option_count; i++) {
        const struct cps_option *option = &cps_option_table[i];
        if (option->hidden || !(option->commands >> command & 1))
            continue;
        CPS_TRY(cps_text_add(out, "--%s ", option->name));
        if (option->type == CPS_OPTION_FLAG)
            CPS_TRY(cps_text_add(out, "--no-%s ", option->name));
    }
    return cps_text_add(out, "' ;;\n");
}

/* Completes the options of the command in the first word, or of train if there is none. */
static enum cps_status add_all_names(struct cps_text *out)
{
    CPS_TRY(cps_text_add(out,
                         "    local names command=train\n"
                         "    [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} != -* ]] && command=${COMP_WORDS[1]}\n"
                         "    case $command in\n"));
    for (int command = 0; command < CPS_COMMAND_COUNT; command++) {
        if (!cps_command_table[command].is_script)
            CPS_TRY(add_names(out, (enum cps_command)command));
    }
    return cps_text_add(out, "    esac\n");
}

/* Completes the run folder after the commands that take one. */
static enum cps_status add_runs(struct cps_text *out)
{
    CPS_TRY(cps_text_add(out, "    [[ $COMP_CWORD -eq 2 && $word != -* && $before == @("));
    for (int command = 0, told = 0; command < CPS_COMMAND_COUNT; command++) {
        if (cps_command_takes_run((enum cps_command)command))
            CPS_TRY(cps_text_add(out, "%s%s", told++ ? "|" : "", cps_command_names[command]));
    }
    return cps_text_add(out, ") ]] && { COMPREPLY=($(compgen -d -- \"$word\")); return; }\n");
}

/* Completes a value: one of words, a file, a folder, or nothing, depending on argument. */
static enum cps_status add_reply(struct cps_text *out, const char *argument, const char *words)
{
    if (words)
        return cps_text_add(out, "COMPREPLY=($(compgen -W '%s' -- \"$word\"))", words);
    if (strstr(argument, "FILE") || strstr(argument, "PATH"))
        return cps_text_add(out, "COMPREPLY=($(compgen -f -- \"$word\"))");
    return cps_text_add(out,
                        strstr(argument, "DIR") ? "COMPREPLY=($(compgen -d -- \"$word\"))" : "COMPREPLY=()");
}

/* Adds the available choices, separated by blanks. */
static enum cps_status list_choices(const struct cps_option *option, struct cps_text *out)
{
    for (size_t i = 0; option->choices[i]; i++) {
        if (!(option->later >> i & 1))
            CPS_TRY(cps_text_add(out, "%s ", option->choices[i]));
    }
    return CPS_OK;
}

static enum cps_status add_values(struct cps_text *out, const struct cps_option *option)
{
    bool repeated = cps_option_find(option->name, strlen(option->name), CPS_FOR_ALL) != option;
    if (!option->argument || repeated)
        return CPS_OK;
    CPS_TRY(cps_text_add(out, "    --%s) ", option->name));
    struct cps_text words = {0};
    enum cps_status status = option->choices ? list_choices(option, &words) : CPS_OK;
    if (status == CPS_OK)
        status = add_reply(out, option->argument, words.data);
    cps_text_release(&words);
    return status == CPS_OK ? cps_text_add(out, "; return ;;\n") : status;
}

static enum cps_status add_script(struct cps_text *out, const struct cps_page_script *script)
{
    CPS_TRY(cps_text_add(out, "_collab_ps_%s()\n{\n    case $before in\n", cps_command_names[script->command]));
    for (const struct cps_page_option *option = script->options; option->name; option++) {
        if (!option->argument)
            continue;
        CPS_TRY(cps_text_add(out, "    --%s) ", option->name));
        CPS_TRY(add_reply(out, option->argument, option->words));
        CPS_TRY(cps_text_add(out, "; return ;;\n"));
    }
    CPS_TRY(
        cps_text_add(out,
                     "    esac\n    COMPREPLY=($(compgen -W '%s' -- \"$word\") $(compgen -f -- \"$word\"))\n"
                     "    [[ $word != -* ]] || COMPREPLY=($(compgen -W '--help ",
                     script->words ? script->words : ""));
    for (const struct cps_page_option *option = script->options; option->name; option++)
        CPS_TRY(cps_text_add(out, "--%s ", option->name));
    return cps_text_add(out, "' -- \"$word\"))\n}\n");
}

/* Calls a script's function if its name is the command. */
static enum cps_status add_scripts_call(struct cps_text *out, const struct cps_page_script *script)
{
    for (; script->operand; script++) {
        const char *name = cps_command_names[script->command];
        CPS_TRY(cps_text_add(
            out, "    [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} == %s ]] && { _collab_ps_%s; return; }\n", name,
            name));
    }
    return CPS_OK;
}

enum cps_status cps_page_completion(const struct cps_page_script *scripts, struct cps_text *out)
{
    CPS_TRY(cps_text_add(out, "# bash completion of collab-ps %s\n", cps_version()));
    for (const struct cps_page_script *script = scripts; script->operand; script++)
        CPS_TRY(add_script(out, script));
    CPS_TRY(cps_text_add(out, "_collab_ps()\n{\n"
                              "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"));
    CPS_TRY(add_scripts_call(out, scripts));
    CPS_TRY(add_all_names(out));
    CPS_TRY(add_runs(out));
    CPS_TRY(cps_text_add(out, "    case $before in\n"));
    for (size_t i = 0; i < cps_option_count; i++)
        if (!cps_option_table[i].hidden)
            CPS_TRY(add_values(out, &cps_option_table[i]));
    CPS_TRY(cps_text_add(out, "    esac\n    ((COMP_CWORD == 1)) && names+=' "));
    for (size_t i = 0; cps_command_names[i]; i++)
        CPS_TRY(cps_text_add(out, "%s ", cps_command_names[i]));
    return cps_text_add(out, "'\n    COMPREPLY=($(compgen -W \"$names\" -- \"$word\"))\n}\n"
                             "complete -o filenames -F _collab_ps collab-ps\n");
}
