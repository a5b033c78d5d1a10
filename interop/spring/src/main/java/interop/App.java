package interop;

import static org.springframework.security.oauth2.client.web.client.RequestAttributeClientRegistrationIdResolver.clientRegistrationId;

import java.util.Map;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.core.annotation.Order;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.client.web.client.OAuth2ClientHttpRequestInterceptor;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.csrf.CsrfToken;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

/**
 * An app that signs people in with Spring Security, and in the same process, behind {@code /api}, the API that it calls with
 * their access token. Everything of the protocols is Spring's own.
 */
@SpringBootApplication
@RestController
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
                .oauth2Login(Customizer.withDefaults())
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

    /** What the id_token and the userinfo endpoint say of the person. */
    @GetMapping("/me")
    Map<String, Object> me(@AuthenticationPrincipal OidcUser user) {
        return Map.of(
                "id_token", user.getIdToken().getClaims(),
                "userinfo", user.getUserInfo() == null ? Map.of() : user.getUserInfo().getClaims());
    }

    /** What the API answers when the app calls it for the person, with a fresh access token where the last one is over. */
    @GetMapping("/notes")
    String notes(RestClient calls) {
        return calls.get().uri("/notes").attributes(clientRegistrationId("safeconduct")).retrieve().body(String.class);
    }

    /** The API says which access token let the request in. */
    @GetMapping("/api/notes")
    Map<String, Object> notes(@AuthenticationPrincipal Jwt accessToken) {
        return Map.of("sub", accessToken.getSubject(), "jti", accessToken.getId(), "aud", accessToken.getAudience());
    }

    @GetMapping(path = "/sign-out", produces = "text/html")
    String signOut(CsrfToken csrf) {
        return """
                <!doctype html><title>Sign out</title>
                <form id="sign-out" method="post" action="/logout">
                <input type="hidden" name="%s" value="%s"><button id="sign-out-submit">Sign out</button></form>
                """.formatted(csrf.getParameterName(), csrf.getToken());
    }

    @GetMapping("/signed-out")
    String signedOut() {
        return "signed out";
    }
}
