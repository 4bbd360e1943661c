import java.net.InetSocketAddress;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.CatalogUtil;
import org.apache.iceberg.jdbc.JdbcCatalog;
import org.apache.iceberg.rest.RESTCatalogAdapter;
import org.apache.iceberg.rest.RESTCatalogServlet;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;

/** Iceberg's own REST catalog, on loopback alone: `java -cp ... RestCatalog.java PORT FOLDER`; see servers.py. */
class RestCatalog {
    public static void main(String[] words) throws Exception {
        var properties = Map.of(
            "catalog-impl", JdbcCatalog.class.getName(),
            "uri", "jdbc:sqlite:" + words[1] + "/catalog.db",
            "warehouse", "file://" + words[1],
            "jdbc.schema-version", "V1",
            "clients", "1");
        var catalog = CatalogUtil.buildIcebergCatalog("rest", properties, new Configuration());
        var context = new ServletContextHandler();
        context.addServlet(new ServletHolder(new RESTCatalogServlet(new RESTCatalogAdapter(catalog))), "/*");
        var server = new Server(new InetSocketAddress("127.0.0.1", Integer.parseInt(words[0])));
        server.setHandler(context);
        server.start();
        server.join();
    }
}
