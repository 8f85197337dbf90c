/* The loops of survey.c that run over every rating, in the widest vector code that the processor supports. */
#ifndef CPS_DATA_SURVEY_KERNELS_H
#define CPS_DATA_SURVEY_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/data/prepared.h"

/* Extracts the places of words[count]; false if a word refers to a missing place, row or value. */
bool cps_survey_unpack(const struct cps_prepared *set, const uint64_t *words, uint32_t count, uint32_t *places);

/* Sets bit i of bits[] if positions[i] < below, for count positions. */
void cps_survey_split(const uint32_t *positions, uint32_t count, uint32_t below, uint64_t *bits);

/* Sets chosen[i] to whether the pair of user and the movie of words[i] is compared, as cps_notes_compares()
 * says. */
void cps_survey_choose(const struct cps_prepared *set, uint32_t user, const uint64_t *words, uint32_t count,
                       uint64_t share, uint8_t *chosen);

#endif
