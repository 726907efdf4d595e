/* SPDX-License-Identifier: Apache-2.0 */
/* rsync daemon: both ends greet with "@RSYNCD: version". */
FI_PROTO(rsync, 82, 10, FI_TCP, "rsync daemon", FI_PORTS(873), FI_THEN());

/* FI_SIGNATURES 1 "greeting" */
FI_SIG(rsync)
{
	FI_CHECK(w);
	enum fi_fit fit = fi_fit(w, 0, "@RSYNCD: ");

	return fit == FI_FIT_YES ? FI_HIT(FI_STRONG, FI_EITHER, 1, 0) : (fi_answer)fit;
}
