/* Decompresses files into memory. */
#ifndef CPS_TEXT_UNPACK_H
#define CPS_TEXT_UNPACK_H

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/text/source.h"

/* Appends the contents of all members of a gzip file to out. CPS_ERR_DATA if it is damaged or truncated. */
enum cps_status cps_unpack_gzip(const struct cps_source *source, struct cps_text *out);

/* Appends the only file of a zip archive to out. CPS_ERR_DATA if the archive is damaged or has several files.
 */
enum cps_status cps_unpack_zip(const struct cps_source *source, struct cps_text *out);

#endif
