/*
 * Completion for bash, from the option table: 'source <(collab-ps help --completion)'.
 * Option names follow the command; values are choices, files or folders by the
 * option's argument.
 */
#include <string.h>

#include "common/options/pages.h"

static enum cps_status add_names(struct cps_text *out, enum cps_command command)
{
    CPS_TRY(cps_text_add(out, "    %s) names='", cps_command_names[command]));
    for (size_t i = 0; i < cps_option_count; i++) {
        const struct cps_option *option = &cps_option_table[i];
        if (!(option->commands >> command & 1) || option->type == CPS_OPTION_RESERVED)
            continue;
        CPS_TRY(cps_text_add(out, "--%s ", option->name));
        if (option->type == CPS_OPTION_FLAG)
            CPS_TRY(cps_text_add(out, "--no-%s ", option->name));
    }
    return cps_text_add(out, "' ;;\n");
}

/* The options of the command that stands first; without one those of train. */
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
    return cps_text_add(out, "    *) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n    esac\n");
}

/* The folder of a run behind the commands that take one. */
static enum cps_status add_runs(struct cps_text *out)
{
    CPS_TRY(cps_text_add(out, "    [[ $COMP_CWORD -eq 2 && $word != -* && $before == @("));
    for (int command = 0, told = 0; command < CPS_COMMAND_COUNT; command++) {
        if (cps_command_takes_run((enum cps_command)command))
            CPS_TRY(cps_text_add(out, "%s%s", told++ ? "|" : "", cps_command_names[command]));
    }
    return cps_text_add(out, ") ]] && { COMPREPLY=($(compgen -d -- \"$word\")); return; }\n");
}

/* What follows option: names to choose from, files, folders, or nothing known. */
static enum cps_status add_values(struct cps_text *out, const struct cps_option *option)
{
    const char *argument = option->argument;
    bool repeated = cps_option_find(option->name, strlen(option->name), CPS_FOR_ALL) != option;
    if (!argument || repeated || option->type == CPS_OPTION_RESERVED)
        return CPS_OK;
    CPS_TRY(cps_text_add(out, "    --%s) COMPREPLY=(", option->name));
    if (option->choices) {
        CPS_TRY(cps_text_add(out, "$(compgen -W '"));
        for (size_t i = 0; option->choices[i]; i++) {
            if (!(option->later >> i & 1))
                CPS_TRY(cps_text_add(out, "%s ", option->choices[i]));
        }
        CPS_TRY(cps_text_add(out, "' -- \"$word\")"));
    } else if (strstr(argument, "FILE") || strstr(argument, "PATH")) {
        CPS_TRY(cps_text_add(out, "$(compgen -f -- \"$word\")"));
    } else if (strstr(argument, "DIR")) {
        CPS_TRY(cps_text_add(out, "$(compgen -d -- \"$word\")"));
    }
    return cps_text_add(out, "); return ;;\n");
}

enum cps_status cps_page_completion(struct cps_text *out)
{
    CPS_TRY(cps_text_add(out,
                         "# bash completion of collab-ps %s\n_collab_ps()\n{\n"
                         "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n",
                         cps_version()));
    CPS_TRY(add_all_names(out));
    CPS_TRY(add_runs(out));
    CPS_TRY(cps_text_add(out, "    case $before in\n"));
    for (size_t i = 0; i < cps_option_count; i++)
        CPS_TRY(add_values(out, &cps_option_table[i]));
    CPS_TRY(cps_text_add(out, "    esac\n    ((COMP_CWORD == 1)) && names+=' "));
    for (size_t i = 0; cps_command_names[i]; i++)
        CPS_TRY(cps_text_add(out, "%s ", cps_command_names[i]));
    return cps_text_add(out, "'\n    COMPREPLY=($(compgen -W \"$names\" -- \"$word\"))\n}\n"
                             "complete -o filenames -F _collab_ps collab-ps\n");
}
