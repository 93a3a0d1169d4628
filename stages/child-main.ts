// The compute child's entry: serves the tasks of every stage until the worker is gone.
import { serveChild } from '../runtime/child/serve.js';
import { childTasks } from './table.js';

serveChild(await childTasks());
