// SPDX-License-Identifier: Apache-2.0
// prom-client's single metrics have no declarations of their own.
declare module 'prom-client/lib/metrics/*.js' {
  const collect: (registry: import('prom-client').Registry<import('prom-client').RegistryContentType>, config?: object) => void
  export default collect
}
