// The profile stage's tasks in the compute child, one per table. They never touch the store.
import type { ChildTask } from '../../runtime/child/protocol.js';
import type { ChildOutput } from '../stage.js';
import { makeBands } from './bands-task.js';
import { makeNeighbours } from './neighbours-task.js';
import { makePromoted } from './promoted-task.js';

type Task<Make> = Make extends (request: infer Request, ...rest: never[]) => unknown
  ? ChildTask<Request, ChildOutput>
  : never;

export interface ProfileTasks {
  readonly 'profile-bands': Task<typeof makeBands>;
  readonly 'profile-promoted': Task<typeof makePromoted>;
  readonly 'profile-neighbours': Task<typeof makeNeighbours>;
}

export const profileTasks: ProfileTasks = {
  'profile-bands': makeBands,
  'profile-promoted': makePromoted,
  'profile-neighbours': makeNeighbours,
};
