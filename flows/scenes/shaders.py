"""The shaders. Light is worked out at corners, which are many and small, so that a pixel costs little:
software OpenGL shades a whole picture on the processor.
"""

_BEND = """
vec3 bend(vec3 p, bool point) {
    int limb = int(in_limb.x + 0.5);
    if (limb == 0) return p;
    float s = sin(u_limb[limb]), c = cos(u_limb[limb]);
    vec2 pivot = point ? in_limb.yz : vec2(0.0);
    p.yz = mat2(c, s, -s, c) * (p.yz - pivot) + pivot;
    return p;
}
"""

SURFACE_VERTEX = (
    """
#version 330
uniform mat4 u_clip, u_model, u_sun;
uniform float u_limb[8];
uniform vec3 u_eye, u_sun_from, u_sun_light, u_ambient_sky, u_ambient_ground, u_haze, u_zenith;
uniform float u_haze_per_m, u_night, u_exposure, u_layer;
in vec3 in_position, in_normal, in_colour, in_surface, in_limb;
in vec2 in_uv;
out vec3 v_base, v_sun, v_added, v_shadow, v_uv;
"""
    + _BEND
    + """
vec3 sky(float up) { return mix(u_haze, u_zenith, smoothstep(0.0, 0.5, up)); }

void main() {
    vec4 world = u_model * vec4(bend(in_position, true), 1.0);
    gl_Position = u_clip * world;
    vec3 n = normalize(mat3(u_model) * bend(in_normal, false));
    vec3 ray = world.xyz - u_eye;
    float distance = length(ray);
    ray /= distance;
    float gloss = in_surface.y;
    float facing = max(dot(n, u_sun_from), 0.0);
    if (gloss < 0.0) {
        v_base = v_sun = vec3(0.0);
        v_added = sky(ray.z) * u_exposure;
    } else {
        vec3 albedo = in_colour * in_colour * 1.25;
        vec3 mirrored = reflect(ray, n);
        float fresnel = 0.15 + 0.85 * pow(1.0 - abs(dot(ray, n)), 4.0);
        float spark = pow(max(dot(mirrored, u_sun_from), 0.0), 24.0) * step(0.001, facing);
        float clear = exp(-distance * u_haze_per_m);
        float kept = clear * u_exposure;
        vec3 ambient = mix(u_ambient_ground, u_ambient_sky, n.z * 0.5 + 0.5);
        v_base = albedo * (ambient + in_surface.z * u_night) * kept;
        v_sun = albedo * u_sun_light * facing * kept;
        vec3 reflected = fresnel * sky(mirrored.z) * smoothstep(-0.1, 0.1, mirrored.z);
        v_added = gloss * (reflected + 0.8 * spark * u_sun_light) * kept;
        v_added += u_haze * (1.0 - clear) * u_exposure;
    }
    v_uv = vec3(in_uv, in_surface.x + u_layer);
    // Looked up a little off the surface, the more the flatter the light, so that it does not shade itself.
    vec3 off = n * (0.03 + 0.12 * (1.0 - facing));
    v_shadow = (u_sun * vec4(world.xyz + off, 1.0)).xyz * 0.5 + 0.5 - vec3(0.0, 0.0, 0.0002);
}
"""
)

SURFACE_FRAGMENT = """
#version 330
uniform sampler2DArray u_textures;
uniform sampler2DShadow u_shadow;
in vec3 v_base, v_sun, v_added, v_shadow, v_uv;
out vec4 out_colour;
void main() {
    vec3 texel = texture(u_textures, v_uv).rgb;
    float lit = texture(u_shadow, vec3(v_shadow.xy, min(v_shadow.z, 1.0)));
    vec3 light = texel * (v_base + v_sun * lit) + v_added;
    out_colour = vec4(sqrt(light / (1.0 + 0.35 * light)), 1.0);
}
"""

# A windscreen. Its vertices hold other things than paint: in_colour is the middle and the radius of a glare on it
# (shares of the glass, as in_uv), in_surface its tint, how strongly it mirrors, and how strong the glare is.
GLASS_VERTEX = """
#version 330
uniform mat4 u_clip, u_model;
uniform vec3 u_eye;
in vec3 in_position, in_normal, in_colour, in_surface;
in vec2 in_uv;
out vec3 v_ray, v_normal, v_place, v_veil, v_glass;
out vec2 v_uv;
void main() {
    vec4 world = u_model * vec4(in_position, 1.0);
    gl_Position = u_clip * world;
    v_place = world.xyz;
    v_ray = world.xyz - u_eye;
    v_normal = mat3(u_model) * in_normal;
    v_veil = in_colour;
    v_glass = in_surface;
    v_uv = in_uv;
}
"""

# What it mirrors: the sky, with dark trees and houses below and patches of cloud in it; and the sun.
GLASS_FRAGMENT = """
#version 330
uniform sampler2DArray u_textures;
uniform vec3 u_sun_from, u_sun_light, u_haze, u_zenith;
uniform float u_haze_per_m, u_exposure;
in vec3 v_ray, v_normal, v_place, v_veil, v_glass;
in vec2 v_uv;
out vec4 out_colour;
vec3 sky(float up) { return mix(u_haze, u_zenith, smoothstep(0.0, 0.5, up)); }
void main() {
    vec3 n = normalize(v_normal), ray = normalize(v_ray);
    vec3 mirrored = reflect(ray, n);
    float facing = abs(dot(ray, n));
    float fresnel = 0.06 + 0.94 * pow(1.0 - facing, 4.0);
    vec2 at = mirrored.xy / (abs(mirrored.z) + 0.4) * 0.07 + v_place.xy * 0.004;
    float patch_ = texture(u_textures, vec3(at, 5.0)).r * 1.25 - 1.0;
    float open = smoothstep(-0.12, 0.10, patch_ + 0.9 * (mirrored.z - 0.62));
    vec3 around = mix(sky(0.0) * 0.16, sky(mirrored.z) * 1.1, open);
    float spark = pow(max(dot(mirrored, u_sun_from), 0.0), 160.0);
    vec3 light = v_glass.y * (fresnel * 2.2 * around + 1.5 * spark * u_sun_light);
    vec2 off = (v_uv - v_veil.xy) / max(v_veil.z, 0.001);
    float veil = v_glass.z * exp(-dot(off, off) / 2.0);
    light += veil * veil * (1.6 * u_haze + 0.5 * u_zenith + 0.6 * u_sun_light) * (0.85 + 0.5 * patch_);
    float clear = exp(-length(v_ray) * u_haze_per_m);
    light *= clear * u_exposure;
    float covered = clamp(max(v_glass.x + 0.4 * v_glass.y * fresnel, veil), 0.0, 1.0);
    out_colour = vec4(sqrt(light / (1.0 + 0.35 * light)), covered);
}
"""

# What a thing hides from the sun: drawn from the sun's side into the map (u_flat 0), or laid flat on the
# ground along the sun's rays (u_flat 1), where it shows the picture of the street without sun.
SHADOW_VERTEX = (
    """
#version 330
uniform mat4 u_clip, u_model;
uniform float u_limb[8];
uniform vec3 u_sun_from;
uniform float u_flat;
in vec3 in_position, in_limb;
"""
    + _BEND
    + """
void main() {
    vec3 world = (u_model * vec4(bend(in_position, true), 1.0)).xyz;
    vec3 fallen = vec3(world.xy - u_sun_from.xy / u_sun_from.z * world.z, 0.012);
    gl_Position = u_clip * vec4(mix(world, fallen, u_flat), 1.0);
    gl_Position.z -= 0.00002 * u_flat * gl_Position.w;
}
"""
)

SHADOW_FRAGMENT = """
#version 330
uniform sampler2D u_shade;
out vec4 out_colour;
void main() { out_colour = texelFetch(u_shade, ivec2(gl_FragCoord.xy), 0); }
"""

SENSOR_VERTEX = """
#version 330
void main() {
    vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}
"""

SENSOR_FRAGMENT = """
#version 330
uniform sampler2D u_picture, u_noise;
uniform float u_noise_step, u_vignette, u_rain, u_gain;
uniform vec2 u_size;
uniform ivec2 u_noise_at;
out vec4 out_colour;
void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    vec3 shown = texelFetch(u_picture, at, 0).rgb;
    vec2 from_centre = gl_FragCoord.xy / u_size - 0.5;
    shown *= u_gain * (1.0 - u_vignette * dot(from_centre, from_centre));
    // Rain: thin streaks, a little slanted, of another place in every picture.
    ivec2 drop = ivec2(at.x * 2 + at.y / 3, at.y / 22 + at.x) + u_noise_at.yx * 7;
    float streak = smoothstep(0.80, 0.92, texelFetch(u_noise, drop & 511, 0).g);
    shown = mix(shown, vec3(0.80, 0.82, 0.85), 0.55 * u_rain * streak);
    vec3 grain = texelFetch(u_noise, (at + u_noise_at) & 511, 0).rgb - 0.5;
    out_colour = vec4(shown + grain * u_noise_step * (0.6 + 0.8 * shown.g), 1.0);
}
"""
