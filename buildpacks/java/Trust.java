import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;

/** Makes a JVM's key store of the certificates in a PEM file: java Trust.java BUNDLE STORE. */
class Trust {
    public static void main(String[] arguments) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        int number = 0;
        try (InputStream bundle = new FileInputStream(arguments[0])) {
            for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(bundle)) {
                store.setCertificateEntry("authority-" + number++, one);
            }
        }
        try (OutputStream out = new FileOutputStream(arguments[1])) {
            store.store(out, "changeit".toCharArray());
        }
    }
}
