// Two backends on one PostgreSQL and one Redis.
import { Redis } from './redis.ts';
import { createDatabase, type Server, startBackend } from './server.ts';

export interface Pods {
  here: Server;
  there: Server;
  stop(): Promise<void>;
}

export async function startPods(more: { [name: string]: string } = {}): Promise<Pods> {
  const redis = await Redis.start();
  const url = await createDatabase();
  const env = {
    REDIS_URL: redis.url,
    LINNET_ACCESS_LOG: 'false',
    LINNET_HEAD_CHECK_MS: '60000', // what is seen at once is not its doing
    // A busy machine is no Redis that is away.
    LINNET_REDIS_AWAY_MS: '10000',
    LINNET_REDIS_TIMEOUT_MS: '20000',
    ...more,
  };
  const [here, there] = await Promise.all([startBackend(url, env), startBackend(url, env)]);
  for (const server of [here, there]) await server.program.log('bus.link_back');
  const stop = async (): Promise<void> => {
    await Promise.all([here.stop(), there.stop()]);
    await redis.kill();
  };
  return { here, there, stop };
}
