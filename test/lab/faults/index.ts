// All faults, by number.
import { dataAgeFaults } from './data-age.ts'
import { masterFaults } from './master.ts'
import { neighbourFaults } from './neighbours.ts'
import { plannedFaults } from './planned.ts'
import { rotation } from './rotation.ts'
import type { Fault } from './run.ts'
import { sentinelFaults } from './sentinels.ts'
import { serviceFaults } from './services.ts'
import { strangerFault } from './stranger.ts'
import { surroundingFaults } from './surroundings.ts'
import { zoneFaults } from './zones.ts'

const all = [
  ...masterFaults, ...sentinelFaults, ...surroundingFaults, rotation, ...neighbourFaults, ...zoneFaults,
  ...plannedFaults, ...dataAgeFaults, ...serviceFaults, strangerFault,
]

export const faults: readonly Fault[] = all.sort((a, b) => a.number - b.number)
