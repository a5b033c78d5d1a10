package interop;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.core.annotation.Order;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.client.web.client.OAuth2ClientHttpRequestInterceptor;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.client.RestClient;

/**
 * An app that signs people in with Spring Security, and in the same process, behind {@code /api}, the API that it calls with
 * their access token. Everything of the protocols is Spring's own; what the two show is in {@link Pages}.
 */
@SpringBootApplication
public class App {
    public static void main(String[] arguments) {
        SpringApplication.run(App.class, arguments);
    }

    /** The API takes access tokens by RFC 9068, of one issuer and for one audience. */
    @Bean
    JwtDecoder accessTokens(
            @Value("${spring.security.oauth2.resourceserver.jwt.issuer-uri}") String issuer,
            @Value("${spring.security.oauth2.resourceserver.jwt.audiences}") String audience) {
        // The type is a matter of the validators of RFC 9068.
        NimbusJwtDecoder decoder = NimbusJwtDecoder.withIssuerLocation(issuer).validateType(false).build();
        decoder.setJwtValidator(JwtValidators.createAtJwtValidator().issuer(issuer).audience(audience).build());
        return decoder;
    }

    @Bean
    @Order(1)
    SecurityFilterChain accessTokenNeeded(HttpSecurity http) throws Exception {
        return http.securityMatcher("/api/**")
                .authorizeHttpRequests(requests -> requests.anyRequest().hasAuthority("SCOPE_notes.read"))
                .oauth2ResourceServer(api -> api.jwt(Customizer.withDefaults()))
                .build();
    }

    @Bean
    @Order(2)
    SecurityFilterChain signIn(HttpSecurity http, ClientRegistrationRepository registrations) throws Exception {
        OidcClientInitiatedLogoutSuccessHandler endedThere = new OidcClientInitiatedLogoutSuccessHandler(registrations);
        endedThere.setPostLogoutRedirectUri("{baseUrl}/signed-out");
        return http.authorizeHttpRequests(requests -> requests
                        .requestMatchers("/signed-out", "/error").permitAll()
                        .anyRequest().authenticated())
                .oauth2Login(login -> login.authorizationEndpoint(
                        leave -> leave.authorizationRequestResolver(new StepUp(registrations))))
                .logout(logout -> logout.logoutSuccessHandler(endedThere))
                .oidcLogout(logout -> logout.backChannel(Customizer.withDefaults()))
                .build();
    }

    @Bean
    RestClient calls(@Value("${server.port}") int port, OAuth2AuthorizedClientManager clients) {
        return RestClient.builder()
                .baseUrl("http://127.0.0.1:" + port + "/api")
                .requestInterceptor(new OAuth2ClientHttpRequestInterceptor(clients))
                .build();
    }
}
