// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The discovery done by Apache Curator: its ServiceCache looks, its ServiceDiscovery registers, as its documentation shows it. What
// it measures it tells in lines; behind each phase it waits for a line before it goes on.

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryOneTime;
import org.apache.curator.x.discovery.ServiceCache;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.curator.x.discovery.details.ServiceCacheListener;

public final class CuratorDiscovery {
    private static final BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    private static final BlockingQueue<Long> changed = new LinkedBlockingQueue<>();

    public static void main(String[] args) throws Exception {
        String observerHosts = args[0];
        String registrarHosts = args[1];
        String root = args[2];
        String service = args[3];
        int instances = Integer.parseInt(args[4]);
        int warmUp = Integer.parseInt(args[5]);
        int changes = Integer.parseInt(args[6]);
        int pause = Integer.parseInt(args[7]);
        int sessionTimeout = Integer.parseInt(args[8]);

        CuratorFramework observer = connect(observerHosts, sessionTimeout);
        System.gc();
        double before = residentMib();
        long begin = System.nanoTime();
        ServiceDiscovery<Void> discovery = ServiceDiscoveryBuilder.builder(Void.class).client(observer).basePath(root).build();
        discovery.start();
        ServiceCache<Void> cache = discovery.serviceCacheBuilder().name(service).build();
        cache.addListener(new ServiceCacheListener() {
            @Override
            public void cacheChanged() {
                changed.add(System.nanoTime());
            }
            @Override
            public void stateChanged(CuratorFramework c, ConnectionState s) {}
        });
        cache.start();
        while (cache.getInstances().size() < instances) Thread.sleep(0, 200_000);
        tell("bootstrapped", System.nanoTime() - begin);
        System.gc();
        System.out.println("grown " + (residentMib() - before));
        in.readLine();

        CuratorFramework other = connect(registrarHosts, sessionTimeout);
        ServiceDiscovery<Void> registrar = ServiceDiscoveryBuilder.builder(Void.class).client(other).basePath(root).build();
        registrar.start();
        change(registrar, cache, service, instances, warmUp, pause);
        System.out.println("warm 0");
        in.readLine();
        change(registrar, cache, service, instances, changes, pause);
        System.out.println("done 0");
        in.readLine();
        registrar.close();
        cache.close();
        discovery.close();
        other.close();
        observer.close();
    }

    private static CuratorFramework connect(String hosts, int sessionTimeout) throws InterruptedException {
        CuratorFramework c = CuratorFrameworkFactory.newClient(hosts, sessionTimeout, sessionTimeout, new RetryOneTime(100));
        c.start();
        if (!c.blockUntilConnected(20, TimeUnit.SECONDS)) throw new IllegalStateException("not connected to " + hosts);
        return c;
    }

    private static void change(ServiceDiscovery<Void> registrar, ServiceCache<Void> cache, String service, int instances, int times,
                               int pause) throws Exception {
        for (int i = 0; i < times; ++i) {
            ServiceInstance<Void> one = ServiceInstance.<Void>builder().name(service).address("10.9.0.1").port(1 + i).build();
            Thread.sleep(pause);
            changed.clear();
            long begin = System.nanoTime();
            registrar.registerService(one);
            tell("added", awaitSize(cache, instances + 1) - begin);
            Thread.sleep(pause);
            changed.clear();
            begin = System.nanoTime();
            registrar.unregisterService(one);
            tell("removed", awaitSize(cache, instances) - begin);
        }
    }

    // The moment at which the listener was called, and the cache had that size.
    private static long awaitSize(ServiceCache<Void> cache, int size) throws InterruptedException {
        for (;;) {
            Long at = changed.poll(20, TimeUnit.SECONDS);
            if (at == null) throw new IllegalStateException("a change was not seen");
            if (cache.getInstances().size() == size) return at;
        }
    }

    private static void tell(String what, long nanoseconds) {
        System.out.println(what + " " + nanoseconds);
    }

    private static double residentMib() throws IOException {
        String[] statm = Files.readString(Paths.get("/proc/self/statm")).split(" ");
        return Long.parseLong(statm[1]) * 4096.0 / (1024.0 * 1024.0);
    }
}
