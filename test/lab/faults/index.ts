// All faults, by number.
import { masterFaults } from './master.ts'
import { rotation } from './rotation.ts'
import type { Fault } from './run.ts'
import { sentinelFaults } from './sentinels.ts'
import { surroundingFaults } from './surroundings.ts'

export const faults: readonly Fault[] = [...masterFaults, ...sentinelFaults, ...surroundingFaults, rotation].sort((a, b) => a.number - b.number)
