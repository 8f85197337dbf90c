/* The quantile function of the normal distribution, private to random.c and random_normals.c. Wichura,
 * "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37 (1988), PPND16.
 */
#ifndef CPS_BASE_RANDOM_QUANTILE_H
#define CPS_BASE_RANDOM_QUANTILE_H

/* Numerators and denominators: of the middle, |p - 1/2| <= 0.425, of the tails, and far out, sqrt(-ln p) > 5.
 */
extern const double cps_quantile_a[8];
extern const double cps_quantile_b[8];
extern const double cps_quantile_c[8];
extern const double cps_quantile_d[8];
extern const double cps_quantile_e[8];
extern const double cps_quantile_f[8];

/* About 1 part in 10^16. */
double cps_normal_quantile(double p);

#endif
