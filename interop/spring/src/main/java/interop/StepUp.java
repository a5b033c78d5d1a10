package interop;

import jakarta.servlet.http.HttpServletRequest;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizationRequestResolver;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizationRequestResolver;
import org.springframework.security.oauth2.core.endpoint.OAuth2AuthorizationRequest;

/** Spring's own requests, with the {@code acr_values} of the address that begins the sign-in. */
class StepUp implements OAuth2AuthorizationRequestResolver {
    private final OAuth2AuthorizationRequestResolver plain;

    StepUp(ClientRegistrationRepository registrations) {
        plain = new DefaultOAuth2AuthorizationRequestResolver(registrations, "/oauth2/authorization");
    }

    @Override
    public OAuth2AuthorizationRequest resolve(HttpServletRequest request) {
        return stronger(request, plain.resolve(request));
    }

    @Override
    public OAuth2AuthorizationRequest resolve(HttpServletRequest request, String registration) {
        return stronger(request, plain.resolve(request, registration));
    }

    private static OAuth2AuthorizationRequest stronger(HttpServletRequest request, OAuth2AuthorizationRequest plain) {
        String wanted = request.getParameter("acr_values");
        if (plain == null || wanted == null) {
            return plain;
        }
        return OAuth2AuthorizationRequest.from(plain)
                .additionalParameters(parameters -> parameters.put("acr_values", wanted))
                .build();
    }
}
