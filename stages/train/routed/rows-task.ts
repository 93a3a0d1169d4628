// Sorts the rows of one shard by their frozen expert inside the compute child: each expert then reads its own rows and no others.
import path from 'node:path';
import { ROUTE_OUTPUTS, buildRouteGraph } from '../../../core/dictionaries/routing/expert-graph.js';
import { gatherRows } from '../../../core/dictionaries/gather.js';
import { oneSite } from '../../../core/dictionaries/sites.js';
import { rowsFeed } from '../../../core/dictionaries/step-graph.js';
import { rowsByExpert } from '../../../dictionaries/routed.js';
import type { ChildContext } from '../../../runtime/child/protocol.js';
import { Session } from '../../../runtime/session.js';
import { readActivations } from '../../../storage/tables/read.js';
import { TableWriter } from '../../../storage/tables/table-writer.js';
import type { ChildOutput } from '../../stage.js';
import type { RowsRequest } from './messages.js';
import { readRoutes, type StoredRoutes } from './routes-file.js';

/** Rows that are routed at once. */
const ROUTE_ROWS = 4096;

type Activations = Awaited<ReturnType<typeof readActivations>>;

export async function sortRowsTask(request: RowsRequest, context: ChildContext): Promise<ChildOutput> {
  const { config, spool, key, shard } = request;
  const { keyed, aux } = config;
  const writer = await TableWriter.open({
    ...{ table: 'routed', path: path.join(spool, 'routed.arrow'), shard, width: aux.width, dtype: keyed.dtype },
    metadata: { key, model: aux.model, site: aux.site, units: 'raw activation units', routes: keyed.routes },
  });
  const stored: Activations[] = [];
  for (const file of request.activations) stored.push(await readActivations(file));
  const routes = await readRoutes(request.routes);
  const sorted = await Promise.all(stored.map((own) => routeRows(own, { routes, config, context })));
  const rowsByOwn = Array.from({ length: keyed.experts }, () => 0);
  for (let expert = 0; expert < keyed.experts; expert++) {
    for (const [i, own] of stored.entries()) {
      const rows = sorted[i]?.[expert] ?? new Uint32Array(0);
      rowsByOwn[expert] = (rowsByOwn[expert] ?? 0) + rows.length;
      if (rows.length > 0) await writer.write(columnsOf(own, { rows, expert, width: aux.width }));
    }
    await writer.endBatch();
  }
  const rows = rowsByOwn.reduce((sum, count) => sum + count, 0);
  return { files: await writer.finish(), statistics: { rows, rowsByExpert: rowsByOwn } };
}

interface Routing {
  readonly routes: StoredRoutes;
  readonly config: RowsRequest['config'];
  readonly context: ChildContext;
}

/** Rows of each expert, in the order of the file. */
async function routeRows(
  { act, doc }: Activations,
  { routes, config, context }: Routing,
): Promise<readonly Uint32Array[]> {
  const { experts, engine } = config.keyed;
  const { width } = config.aux;
  const sites = { ...oneSite(width), routed: { experts, kind: 'frozen' as const } };
  const graph = buildRouteGraph({ sites, features: experts, batchRows: ROUTE_ROWS });
  const session = await Session.create(graph.toModelBytes(), { ...engine, provider: 'cpu' });
  try {
    const expert = new Int32Array(doc.length);
    const data = new Float32Array(ROUTE_ROWS * width);
    for (let from = 0; from < doc.length; from += ROUTE_ROWS) {
      const count = Math.min(ROUTE_ROWS, doc.length - from);
      const rows = Uint32Array.from({ length: count }, (_, i) => from + i);
      gatherRows(act, data, { rows, width, scale: 1 });
      const found = await session.run({
        [rowsFeed(0)]: { dtype: 'float32', dims: [ROUTE_ROWS, width], data },
        W_router: { dtype: 'float32', dims: [experts, width], data: routes.W_router },
        b_router: { dtype: 'float32', dims: [experts], data: routes.b_router },
      });
      expert.set((found[ROUTE_OUTPUTS.expert]?.data as Int32Array).subarray(0, count), from);
      context.progress({ rows: from + count });
    }
    return rowsByExpert(expert, experts);
  } finally {
    await session.release();
  }
}

/** Some rows as columns of the table. */
function columnsOf(
  { act, doc, pos }: Activations,
  { rows, expert, width }: { readonly rows: Uint32Array; readonly expert: number; readonly width: number },
) {
  const own = new (act.constructor as Uint16ArrayConstructor | Float32ArrayConstructor)(rows.length * width);
  rows.forEach((row, i) => {
    own.set(act.subarray(row * width, (row + 1) * width), i * width);
  });
  return {
    expert: new Uint32Array(rows.length).fill(expert),
    doc: Uint32Array.from(rows, (row) => doc[row] as number),
    pos: Uint32Array.from(rows, (row) => pos[row] as number),
    act: own,
  };
}
