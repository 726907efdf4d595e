// SPDX-License-Identifier: Apache-2.0
// flowident_contract_flows_total: flows judged by expected-protocol contracts. Labels: contract, result (kept, deviating, dropped; the
// last are among those that deviate).
import type { Contract } from '../rules/contract.js'
import type { ContractCounts } from '../rules/contract-watch.js'
import type { Collector, Family } from './text.js'

export class ContractsCollector implements Collector {
  readonly name = 'contracts'
  readonly #contracts: () => readonly Contract[]
  readonly #counts: (contract: Contract) => ContractCounts

  constructor(contracts: () => readonly Contract[], counts: (contract: Contract) => ContractCounts) {
    this.#contracts = contracts
    this.#counts = counts
  }

  collect(): Family[] {
    const samples = this.#contracts().flatMap((contract) => {
      const counts = this.#counts(contract)
      return (['kept', 'deviating', 'dropped'] as const).map((result) => ({
        labels: { contract: contract.name, result },
        value: counts[result],
      }))
    })
    return [
      { name: 'flowident_contract_flows_total', type: 'counter', help: 'Flows judged by contracts since they are in force.', samples },
    ]
  }
}
