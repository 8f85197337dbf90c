/* Selects a build of the kernels at run time. */
#include "common/model/kernels.h"

#include "common/model/exact.h"

static bool processor_has(enum cps_isa isa)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (isa == CPS_ISA_AVX2)
        return __builtin_cpu_supports("avx2");
    if (isa == CPS_ISA_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
#endif
    return isa == CPS_ISA_SCALAR;
}

static const struct cps_kernels *build_of(enum cps_isa isa)
{
    switch (isa) {
    case CPS_ISA_AVX512:
        return cps_kernels_avx512();
    case CPS_ISA_AVX2:
        return cps_kernels_avx2();
    default:
        return &cps_kernels_scalar;
    }
}

enum cps_status cps_kernels_select(enum cps_isa isa, const struct cps_kernels **out)
{
    static const enum cps_isa widest_first[] = {CPS_ISA_AVX512, CPS_ISA_AVX2, CPS_ISA_SCALAR};
    for (size_t i = 0; i < sizeof widest_first / sizeof widest_first[0]; i++) {
        enum cps_isa candidate = widest_first[i];
        if ((isa == CPS_ISA_AUTO || isa == candidate) && processor_has(candidate) && build_of(candidate)) {
            *out = build_of(candidate);
            return CPS_OK;
        }
    }
    cps_fail(CPS_ERR_USAGE, "--isa %s: this processor does not support it",
             isa == CPS_ISA_AVX512 ? "avx512" : "avx2");
    return cps_hint(CPS_ERR_USAGE, "leave --isa out: every choice gives the same results");
}

struct cps_fixed_point cps_fixed_point(uint32_t bits, uint32_t batch_size)
{
    double scale = (double)((uint64_t)1 << bits);
    return (struct cps_fixed_point){
        .scale = scale, .inverse = 1.0 / scale, .limit = cps_gradient_limit(batch_size)};
}
